"""Pages and terminal tables of many trials: of a sweep, and of a search for the highest rate."""
