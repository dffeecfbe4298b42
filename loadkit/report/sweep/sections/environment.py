"""Where it was measured: the generator's machine, versions, the cluster; as the first trial found them."""

from __future__ import annotations

from loadkit.report.block import Block
from loadkit.report.sections.environment import environment
from loadkit.report.sweep.view import View

TITLE = "Environment"
ORDER = 80


def build(view: View) -> Block | None:
    """Return the target and the generator's machine."""
    return environment(view.stored.target, view.stored.environment)
