"""Configs as users have them, read into pieces: one module a format."""
