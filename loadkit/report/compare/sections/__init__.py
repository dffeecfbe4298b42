"""One file a section of a comparison's page."""
