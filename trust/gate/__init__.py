"""The gate's error rates and power, on pairs whose truth is known."""
