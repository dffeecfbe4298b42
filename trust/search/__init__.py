"""Whether `loadkit max` finds the highest rate of clusters whose highest rate is known."""
