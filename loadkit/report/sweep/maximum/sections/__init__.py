"""The sections of the page of a search for the highest rate: one file each, found by name."""
