"""Where it was measured: the generator's machine, versions, the cluster."""

from __future__ import annotations

from loadkit.report.block import Block
from loadkit.report.sections.environment import environment
from loadkit.report.sweep.maximum.view import View

TITLE = "Environment"
ORDER = 80


def build(view: View) -> Block | None:
    """Return the target and the generator's machine."""
    return environment(view.facts.get("target") or {}, view.facts.get("environment") or {})
