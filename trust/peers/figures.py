"""Ratios of pairs with their intervals. Arithmetic only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from loadkit.analysis.noise import told
from trust.peers.cells import FIGURES, LOADKIT, PEERS, Cell

Round = Mapping[str, Mapping[str, float | None]]
"""One pair: the figures of both contestants."""
KEPT = 0.99
"""Share of a rate that both are to keep."""


def ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> dict[str, Any] | None:
    """Return the geometric mean of paired ratios with its 95 % interval (Student's t of their logs).

    None where fewer than two pairs have both figures; what a tool gives as 0 has no ratio.
    """
    logs = [math.log(our / their) for our, their in zip(ours, theirs, strict=True) if our and their]
    if len(logs) < 2:
        return None
    found = told(float(np.mean(logs)), float(np.var(logs, ddof=1)) / len(logs), len(logs) - 1)
    return {"ratio": math.exp(found.estimate), "interval": [math.exp(found.low), math.exp(found.high)],
            "pairs": len(logs)}  # fmt: skip


def summary(cell: Cell, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return one comparison: ratios of loadkit to its peer, medians of both, and every pair."""
    peer = PEERS[cell.mode]
    names = dict.fromkeys(name for one in rounds for figures in one.values() for name in figures)
    return {
        "nodes": cell.nodes, "size": cell.size, "mode": cell.mode, "peer": peer, "asked": cell.rate,
        "ratios": {name: ratio(column(rounds, LOADKIT, name), column(rounds, peer, name))
                   for name in FIGURES[cell.mode]},
        "medians": {who: {name: middle(column(rounds, who, name)) for name in names} for who in (LOADKIT, peer)},
        "rounds": [dict(one) for one in rounds],
    }  # fmt: skip


def column(rounds: Sequence[Round], who: str, name: str) -> list[float | None]:
    """Return one figure of one contestant, pair by pair."""
    return [one[who].get(name) for one in rounds]


def middle(values: Sequence[float | None]) -> float | None:
    """Return the median of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
