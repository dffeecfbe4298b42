"""The sections of a trial's page: one file each, with `TITLE`, `ORDER` and `build(view) -> Block | None`."""
