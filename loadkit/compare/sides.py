"""What is compared: a result, several of the same thing in one folder, or those that a pattern names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from loadkit import vocabulary
from loadkit.errors import UsageError
from loadkit.gate import store as gate_store
from loadkit.gate.differences import differences
from loadkit.host_class import host_class
from loadkit.result import RESULT, Result, load
from loadkit.summary import Summary, summarise
from loadkit.sweep import max_file
from loadkit.sweep import store as sweep_store

_HOLDERS: dict[str, Callable[[str], str]] = {
    gate_store.FILE: lambda at: (
        f"a gate, which has two sides: give '{at}/{gate_store.TRIALS}/*-baseline' and "
        f"'{at}/{gate_store.TRIALS}/*-candidate'"
    ),
    sweep_store.FILE: lambda at: (
        f"a sweep of many points: give the trials of one, like '{at}/{sweep_store.TRIALS}/p000-*'"
    ),
    max_file.FILE: lambda at: f"a search at many rates: give one trial, in {at}/{sweep_store.TRIALS}",
}
"""By file: what a folder is that holds results of different things, and what to give instead."""
_LISTED = 6
"""Differences that an error names."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side: results of the same thing, in the order of their folders (of their pairs, where they are a gate's)."""

    name: str
    """`A` or `B`."""
    given: str
    """As it was typed."""
    results: tuple[Result, ...]
    summaries: tuple[Summary, ...]

    @property
    def hosts(self) -> set[str]:
        """The classes of machines that the load was made on, by name."""
        found = (host_class(result.facts.get("environment") or {}) for result in self.results)
        return {one["name"] if one else "a machine that the result does not describe" for one in found}

    @property
    def seconds(self) -> list[float]:
        """How long each result was measured."""
        return [end - start for start, end in (result.measured for result in self.results)]


def read(a: str, b: str) -> tuple[Side, Side]:
    """Return both sides; UsageError that names the place and the way out where they cannot be compared."""
    one, other = _side("A", a), _side("B", b)
    there = {result.out.resolve() for result in one.results}
    shared = [result.out for result in other.results if result.out.resolve() in there]
    if shared:
        raise UsageError(f"{shared[0]} is on both sides: a result against itself tells nothing, give another one")
    _check_common(one, other)
    return one, other


def paired(one: Side, other: Side) -> tuple[Side, Side] | None:
    """Return both sides in the order of their pairs, where they are the two sides of one gate; else None."""
    numbers = [_pairs(side) for side in (one, other)]
    if not numbers[0] or not numbers[1] or set(numbers[0]) != set(numbers[1]):
        return None
    first, second = (
        Side(side.name, side.given, *zip(*(mine[number] for number in sorted(mine)), strict=True))
        for side, mine in zip((one, other), numbers, strict=True)
    )
    return first, second


def _pairs(side: Side) -> dict[tuple[str, int], tuple[Result, Summary]]:
    """Return a side's results by gate and pair; empty where one is no gate's, or a pair has two of them."""
    found = {}
    for result, summary in zip(side.results, side.summaries, strict=True):
        place = result.out.resolve()
        gate = place.parent.parent
        if place.parent.name != gate_store.TRIALS or not (gate / gate_store.FILE).exists():
            return {}
        number = place.name.partition("-")[0]
        if not number.isdecimal():
            return {}
        found[str(gate), int(number)] = result, summary
    return found if len(found) == len(side.results) else {}


def _side(name: str, given: str) -> Side:
    results = tuple(load(folder) for folder in _folders(name, given))
    for result in results[1:]:
        _check_same(name, given, results[0], result)
    side = Side(name, given, results, tuple(summarise(result) for result in results))
    for result, summary in zip(results, side.summaries, strict=True):
        if not (summary.metrics.get("throughput") or summary.metrics.get("consumed")):
            raise UsageError(
                f"{name}: {result.out} moved no message in its measured phase ({result.facts['status']}), so nothing "
                f"can be compared; `loadkit report {result.out}` shows what it has"
            )
    return side


def _folders(name: str, given: str) -> list[Path]:
    """Return the folders of a side's results."""
    path = Path(given)
    if not path.exists() and has_magic(given):
        found = sorted(Path(one) for one in glob(given) if (Path(one) / RESULT).is_file())
        if not found:
            raise UsageError(f"{name}: no folder of the pattern {given!r} holds a {RESULT}")
        return found
    if not path.exists():
        raise UsageError(f"{name}: {given}: no such folder; give one that `loadkit run --out` wrote, or its parent")
    if not path.is_dir():
        raise UsageError(f"{name}: {given} is a file; give the folder of a result, like {path.parent}")
    if (path / RESULT).is_file():
        return [path]
    for file, instead in _HOLDERS.items():
        if (path / file).exists():
            raise UsageError(f"{name}: {given} holds {instead(str(path))}")
    found = sorted(one.parent for one in path.glob(f"*/{RESULT}"))
    if not found:
        raise UsageError(
            f"{name}: {given} holds no result: give a folder that `loadkit run --out` wrote, or its parent"
        )
    return found


def _check_same(name: str, given: str, first: Result, other: Result) -> None:
    """Raise UsageError where two results of a side were run with different things; machines may differ."""
    found = [one for one in differences(first.facts, other.facts) if not one.path.startswith("environment.")]
    if found:
        said = [f"{one.path}: {one.baseline} and {one.candidate}" for one in found[:_LISTED]]
        more = f"\n  and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise UsageError(
            f"{name}: {given} holds results of different things, {first.out.name} and {other.out.name} differ in\n  "
            + "\n  ".join(said)
            + f"{more}\ngive those of one thing, by a pattern in quotes like '{_pattern(first.out)}'"
        )


def _pattern(folder: Path) -> str:
    """Return a pattern of what belongs to a result: of its side in a gate, else of its point in a sweep."""
    number, _, rest = folder.name.partition("-")
    of_gate = (folder.parent.parent / gate_store.FILE).exists()
    return str(folder.parent / (f"*-{rest}" if of_gate else f"{number}-*"))


def _check_common(one: Side, other: Side) -> None:
    """Raise UsageError where no rate and no recorded series was measured on both sides."""
    if set(_measured(one)) & set(_measured(other)):
        return
    has = [f"{side.name} has {', '.join(dict.fromkeys(_measured(side)))}" for side in (one, other)]
    raise UsageError(
        f"{one.given} and {other.given} have no metric in common: {'; '.join(has)}; compare results whose scenarios "
        "both produce, or both consume"
    )


def _measured(side: Side) -> Iterator[str]:
    """Yield the rates and the recorded series that any result of a side has."""
    for summary in side.summaries:
        for name in ("throughput", "consumed", *(f"{series}.max" for series in vocabulary.LATENCIES)):
            if summary.metrics.get(name) is not None:
                yield name.removesuffix(".max")
