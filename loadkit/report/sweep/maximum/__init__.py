"""The page and the terminal table of a search for the highest rate."""
