"""Offline arithmetic over many trials: effects of settings, fronts, knees, drift. No clock, no files."""
