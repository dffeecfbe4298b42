"""Two groups of trials side by side, as the sections see them: of a gate, or of two results compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from loadkit import vocabulary
from loadkit.gate import store
from loadkit.gate.order import SIDES
from loadkit.gate.record import Comparison, Trial
from loadkit.report.curves import Floats
from loadkit.result import Result, Track, load, merged
from loadkit.summary import BEYOND, by_series

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)


@dataclass
class View:
    """A comparison and its trials by side."""

    out: Path
    document: Mapping[str, Any]
    comparisons: Sequence[Comparison]
    trials: Mapping[str, Sequence[Trial]]
    _tracks: dict[tuple[str, str], list[Track]] = field(default_factory=dict)

    @property
    def answer(self) -> Mapping[str, Any]:
        """What the gate came to; empty before it has."""
        return self.document.get("answer") or {}

    @cached_property
    def results(self) -> dict[str, list[Result]]:
        """Every trial's result by side, in the order of pairs."""
        return {side: [load(self.out / trial.folder) for trial in self.trials[side]] for side in SIDES}

    @property
    def series(self) -> str:
        """The recorded series that the primary threshold is about; latency where it is about none."""
        for one in self.comparisons:
            series = vocabulary.split(one.metric)[1].partition(".")[0]
            if series in vocabulary.LATENCIES:
                return series
        return next((series for series in vocabulary.LATENCIES if self.tracks(SIDES[0], series)), "latency")

    def tracks(self, side: str, series: str) -> list[Track]:
        """Return each trial's track of a series, all classes merged."""
        if (side, series) not in self._tracks:
            found = []
            for result in self.results[side]:
                parts = [track for (_, name), track in by_series(result).items() if name == series]
                if parts:
                    found.append(merged(series, parts))
            self._tracks[side, series] = found
        return self._tracks[side, series]

    def quantiles(self, side: str, series: str) -> Floats:
        """Return trials x `QUANTILES` in seconds; NaN where fewer than ten values lie beyond."""
        rows = []
        for track in self.tracks(side, series):
            whole = track.total
            values = np.asarray(whole.quantiles(QUANTILES), float) / 1e6
            enough = len(whole) * (1 - np.array(QUANTILES)) >= BEYOND - 1e-6
            rows.append(np.where(enough, values, np.nan))
        return np.array(rows) if rows else np.zeros((0, len(QUANTILES)))


def read(out: Path) -> View:
    """Return the gate in a folder; UsageError when there is none."""
    document = store.read(out)
    trials = store.trials_of(document)
    by_side = {side: [trial for trial in trials if trial.side == side] for side in SIDES}
    return View(out, document, store.comparisons_of(document), by_side)
