"""Evidence that the answers are right: simulated clusters with known truth, outside the package and its tests."""
