"""A and B over the seconds of a run: the gate's own section."""

from loadkit.report.gate.sections.over_time import ORDER, TITLE, build

__all__ = ["ORDER", "TITLE", "build"]
