"""`max_rate` gates: each side at three fixed rates around the baseline's highest one, or by a full search a side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadkit import gate_host
from loadkit.errors import RunError, UsageError
from loadkit.gate import ladder
from loadkit.gate.thresholds import Threshold
from loadkit.gate_sides import Commands, Length, Side, Trials, commands, failed
from loadkit.result import load
from loadkit.slo import Objective, parse_all
from loadkit.sweep import max_file
from loadkit.units import format_rate

SEARCH = "max-search"
"""Folder of the baseline's search, beside the trials."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the highest rate is compared."""

    slo: tuple[str, ...]
    full: bool = False
    """Whether each trial is a search of its own."""
    stored: Path | None = None
    """The folder of a search of the baseline that is there already."""

    @property
    def objectives(self) -> list[Objective]:
        """What must hold at a rate."""
        return parse_all(self.slo)

    @property
    def texts(self) -> tuple[str, ...]:
        """What makes noise that of another kind of trial."""
        return (*self.slo, "full") if self.full else self.slo

    @property
    def trials(self) -> int:
        """Runs of the scenario that one trial of a side is made of, at fixed rates."""
        return len(ladder.STEPS)


def wanted(
    thresholds: Iterable[Threshold], slo: Sequence[str], full: bool, stored: Path | None, budget: str | None
) -> Wanted | None:
    """Return how the highest rate is to be compared, None where no threshold asks for it; UsageError."""
    asking = [one.metric == "max_rate" for one in thresholds]
    if not any(asking):
        given = [name for name, it in (("--slo", slo), ("--full", full), ("--max-from", stored)) if it]
        if given:
            raise UsageError(f"{given[0]} is about max_rate: give --fail-if 'max_rate < -5%' with it, or leave it out")
        return None
    found = Wanted(tuple(slo), full, stored)
    if not full:
        ladder.check(found.objectives)
        return found
    if not all(asking):
        raise UsageError("--full measures max_rate alone: give the other --fail-if to a gate of its own")
    if budget or stored:
        raise UsageError(f"--full and {'--budget' if budget else '--max-from'} do not go together: a side is searched "
                         "for as long as it takes")  # fmt: skip
    return found


def rungs(asked: Wanted, sides: tuple[Side, Side], length: Length, out: Path,
          say: Callable[[str], None]) -> list[dict[str, Any]]:  # fmt: skip
    """Return the rates to try and the settings that make each, from the baseline's search: a stored one or a new one.

    Raises UsageError where it found no highest rate.
    """
    place = asked.stored or out / SEARCH
    if not asked.stored and not _complete(place):
        shutil.rmtree(place, ignore_errors=True)  # one that broke off was of a cluster that is gone
        say(f"max_rate: searching the highest rate of the baseline within {' and '.join(asked.slo)}")
        with commands(sides, length, say) as trials:
            trials.search("baseline", asked.slo, None, place)
    found = max_file.read(place)
    answer = found.get("answer") or {}
    if found["status"] != "complete" or not answer.get("max_rate"):
        raise UsageError(f"{place}: {answer.get('text') or found['status']}; there is no rate to compare around")
    if _bounds(parse_all(found["slo"])) != _bounds(asked.objectives):
        raise UsageError(f"--max-from {place} is a search within {found['slo']}, not {list(asked.slo)}")
    first = found["probes"][0]
    declared = load(place / first["folder"]).facts["scenario"]["declared"]["producers"]
    tried = ladder.rates(answer["max_rate"])
    say(f"max_rate: {answer['text']}; both sides are tried at {', '.join(map(format_rate, tried))}")
    return [{"rate": rate, "sets": _sets(declared, rate / first["rate"])} for rate in tried]


def _complete(place: Path) -> bool:
    return (place / max_file.FILE).exists() and max_file.read(place)["status"] == "complete"


def _bounds(objectives: Iterable[Objective]) -> set[tuple[str, str, float]]:
    return {(one.metric, one.compare, one.bound) for one in objectives}


def _sets(declared: Iterable[Mapping[str, Any]], factor: float) -> list[str]:
    """Return the settings that scale every producing class."""
    for one in declared:
        if one["shape"]["kind"] != "constant":
            raise UsageError(f"{one['name']}.shape: fixed rates need a constant shape; give --full instead")
    return [f"{one['name']}.rate={one['rate'] * factor:.9g}" for one in declared]


class AtRates:
    """A trial of a side as one run at each rate, ascending: an overload is the last."""

    def __init__(self, asked: Wanted, made: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
        """Take the rungs, and the metrics that are wanted besides."""
        self._objectives, self._rungs, self._names = asked.objectives, made, names

    def trial(self, trials: Trials, side: str, seed: int, out: Path, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts of the run at the middle rate, with `max_rate` and where it is."""
        wanted = [*self._names, *(one.metric for one in self._objectives)]
        told = []
        for at, one in enumerate(self._rungs):
            trials.trial(side, seed, out / f"rate-{at}", {**place, "rate": one["rate"]}, one["sets"])
            told.append(gate_host.told(load(out / f"rate-{at}"), wanted))
            failed(told[-1], side)
        middle = told[len(told) // 2]
        found = ladder.highest([one["rate"] for one in self._rungs], self._objectives, [one["metrics"] for one in told])
        missing = {one.metric: facts["withheld"].get(one.metric) for facts in told for one in self._objectives}
        why = "; ".join(f"{name}: {said}" for name, said in missing.items() if said)
        limited = any(one["limit"] == "generator" for one in told)
        return {
            "metrics": {**middle["metrics"], "max_rate": found}, "folder": f"rate-{len(told) // 2}",
            "withheld": middle["withheld"] if found else {**middle["withheld"], "max_rate": why},
            "limit": "generator" if limited else middle["limit"],
        }  # fmt: skip


class Searched:
    """A trial of a side as a search of its own."""

    def __init__(self, asked: Wanted) -> None:
        self._slo = asked.slo

    def trial(self, trials: Trials, side: str, seed: int, out: Path, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the search came to."""
        assert isinstance(trials, Commands)
        document = trials.search(side, self._slo, seed, out)
        found = document["metrics"].get("max_rate")
        if found is None:
            raise RunError(f"the {side}: {(document.get('answer') or {}).get('text') or 'no rate was found'}")
        last = max_file.read(out)["probes"][-1]
        return {"metrics": {"max_rate": found}, "withheld": {}, "limit": document["limit"], "folder": last["folder"]}
