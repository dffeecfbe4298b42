"""The report of a plan: words that a director understands first, every formula with its numbers last."""
