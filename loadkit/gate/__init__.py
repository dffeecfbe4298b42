"""The gate: thresholds over paired trials, and when they can be told; pure but for its one file."""
