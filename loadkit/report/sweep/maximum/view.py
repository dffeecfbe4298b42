"""A search for the highest rate as its sections see it: the trials by rate, what became of each, and the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadkit import vocabulary
from loadkit.analysis.knee import Knee, knee
from loadkit.result import RESULT
from loadkit.slo import Objective
from loadkit.sweep import max_file

KINDS = {"probe": "probe", "low": "probe of a low rate", "hold": "hold", "over": "hold above the answer"}


@dataclass(frozen=True, slots=True)
class Probe:
    """One trial of a search."""

    rate: float
    """Messages a second that were offered."""
    kind: str
    verdict: str
    """pass, fail or unknown."""
    reasons: tuple[str, ...]
    folder: str
    metrics: Mapping[str, float | None]
    limit: str

    @property
    def mark(self) -> str:
        """What became of it, where a generator that gave out says nothing of the target."""
        return "generator" if self.limit == "generator" else self.verdict


@dataclass(frozen=True, slots=True)
class View:
    """A search as it stands on disk."""

    out: Path
    facts: Mapping[str, Any]
    probes: tuple[Probe, ...]
    slo: tuple[Objective, ...]

    @property
    def answer(self) -> Mapping[str, Any]:
        """What was found so far."""
        return self.facts.get("answer") or {}

    @property
    def rate(self) -> float | None:
        """The highest rate of which every hold passed."""
        return self.answer.get("max_rate")

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The highest rate that passed and the lowest above it that failed; before an answer, those so far."""
        if self.answer.get("interval"):
            low, high = self.answer["interval"]
            return low, high
        passed = max((probe.rate for probe in self.probes if probe.verdict == "pass"), default=None)
        beyond = (probe.rate for probe in self.probes if probe.verdict == "fail" and probe.rate > (passed or 0.0))
        return passed, min(beyond, default=None)

    @property
    def regions(self) -> list[tuple[float, float]]:
        """Ranges of rates in which every trial passed."""
        return [(low, high) for low, high in self.facts.get("passing_regions") or ()]

    @property
    def unsafe(self) -> str:
        """What makes the scenario's settings unsafe, as its first trial warned; an empty text when they are safe."""
        path = self.out / self.probes[0].folder / RESULT if self.probes else self.out / RESULT
        facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        said = [*(facts.get("warnings") or ()), *(facts.get("notes") or ())]
        return next((str(one["text"]) for one in said if one.get("code") == "unsafe"), "")

    @property
    def metrics(self) -> list[str]:
        """The metrics that the objectives bound, each once; p99 latency where there is none."""
        return list(dict.fromkeys(one.metric for one in self.slo)) or ["latency.p99"]

    @property
    def latency(self) -> str:
        """The latency of the curve: the first that an objective bounds."""
        bounded = (name for name in self.metrics if vocabulary.split(name)[1].startswith(("latency.", "end_to_end.")))
        return next(bounded, "latency.p99")

    def of_kind(self, *kinds: str) -> list[Probe]:
        """Return the trials of some kinds."""
        return [probe for probe in self.probes if probe.kind in kinds]

    @property
    def holds(self) -> list[Probe]:
        """The holds at the answer."""
        return [probe for probe in self.of_kind("hold") if self.rate is not None and np.isclose(probe.rate, self.rate)]

    @property
    def over(self) -> list[Probe]:
        """The trials above the answer that had to fail."""
        return [probe for probe in self.of_kind("over") if self.rate is not None and probe.rate > self.rate]

    def curve(self) -> list[tuple[float, float, float]]:
        """Return (offered rate, throughput, latency in s) of every rate tried, repeats as their geometric means."""
        by_rate: dict[float, list[tuple[float, float]]] = {}
        for probe in self.probes:
            took, latency = probe.metrics.get("throughput"), probe.metrics.get(self.latency)
            if took and latency and probe.limit != "generator":
                by_rate.setdefault(probe.rate, []).append((took, latency))
        means = {rate: np.exp(np.log(seen).mean(axis=0)) for rate, seen in sorted(by_rate.items())}
        return [(rate, float(mean[0]), float(mean[1])) for rate, mean in means.items()]

    def knee(self) -> Knee | None:
        """Return the knee of latency against throughput."""
        curve = self.curve()
        return knee([took for _, took, _ in curve], [latency for _, _, latency in curve])


def read(out: Path) -> View:
    """Return the search in a folder; UsageError when there is none."""
    return view_of(out, max_file.read(out))


def view_of(out: Path, facts: Mapping[str, Any]) -> View:
    """Return the view of a search's document."""
    probes = tuple(
        Probe(float(row["rate"]), row["kind"], row["verdict"], tuple(row.get("reasons") or ()), row["folder"],
              row.get("metrics") or {}, row.get("limit") or "unknown")
        for row in facts.get("probes") or ()
    )  # fmt: skip
    return View(out, facts, probes, tuple(Objective.parse(text) for text in facts.get("slo") or ()))
