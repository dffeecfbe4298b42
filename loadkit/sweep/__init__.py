"""What a sweep or a search tries, in which order, and what it leaves: values and arithmetic, no clock and no load."""
