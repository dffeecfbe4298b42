"""A gate as page, text, JUnit XML, Markdown and JSON."""
