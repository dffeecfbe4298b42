"""Reported percentiles against what a proxy between client and broker saw, while things go wrong on purpose."""
