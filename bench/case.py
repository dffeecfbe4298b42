"""What a case of the bench leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.figures import Criterion


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it ran."""

    name: str
    title: str
    how: str
    rounds: list[dict[str, Any]]
    criteria: list[Criterion]
