"""One file a dialect, found by name: each has `TITLE` and `files(plan)`, path to text; add one, and it is written too."""
