"""A comparison as its sections see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loadkit.compare.changes import Compared
from loadkit.gate.statistics import FEWEST
from loadkit.report.gate.beside import Beside


@dataclass
class View:
    """What was compared, and its document."""

    out: Path
    found: Compared
    document: Mapping[str, Any]

    @cached_property
    def beside(self) -> Beside:
        """Both sides with their results."""
        one, other = self.found.sides
        results = {side.name: side.results for side in self.found.sides}
        common = [change.metric for change in self.found.changes if change.a is not None and change.b is not None]
        return Beside((one.name, other.name), results, common, self.found.basis, FEWEST)
