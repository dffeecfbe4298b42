"""The stage that made a p99, named where a delay was planted in a known one."""
