"""Whether plans carry what they promise: random requirements on clusters whose ceilings are known."""
