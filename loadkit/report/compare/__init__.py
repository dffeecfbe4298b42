"""Two results compared, as page, text and JSON."""
