"""One file a dialect, found by name: each has `TITLE` and `files(plan)`, which returns path to text."""
