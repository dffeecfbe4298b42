"""Half an hour of steady load: memory, send delay, files and the topic's disk over time."""
