"""A gate as its sections see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loadkit.gate import store
from loadkit.gate.order import SIDES
from loadkit.gate.record import Comparison, Trial
from loadkit.report.gate.beside import Beside
from loadkit.result import load


@dataclass
class View:
    """What a gate came to, and its trials by side."""

    out: Path
    document: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    trials: Mapping[str, Sequence[Trial]]

    @property
    def answer(self) -> Mapping[str, Any]:
        """What the gate came to; empty before it has."""
        return self.document.get("answer") or {}

    @cached_property
    def beside(self) -> Beside:
        """Both sides, every trial's result in the order of pairs."""
        results = {side: [load(self.out / trial.folder) for trial in self.trials[side]] for side in SIDES}
        return Beside((SIDES[0], SIDES[1]), results, [one.metric for one in self.comparisons])


def read(out: Path) -> View:
    """Return the gate in a folder; UsageError when there is none."""
    document = store.read(out)
    trials = store.trials_of(document)
    by_side = {side: [trial for trial in trials if trial.side == side] for side in SIDES}
    return View(out, document, store.comparisons_of(document), by_side)
