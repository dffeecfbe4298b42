"""Percentile curves of A and B with bands, and the shift of each percentile: the gate's own section."""

from loadkit.report.gate.sections.percentiles import ORDER, TITLE, build

__all__ = ["ORDER", "TITLE", "build"]
