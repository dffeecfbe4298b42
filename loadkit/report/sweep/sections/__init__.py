"""The sections of a sweep's page: one file each, found by name."""
