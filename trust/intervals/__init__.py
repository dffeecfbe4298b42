"""How often intervals of percentiles hold the truth: `python -m trust.intervals`."""
