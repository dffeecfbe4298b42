"""Figures of many trials in words: metrics, changes with their intervals, and what each knob does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loadkit import vocabulary
from loadkit.analysis.effects import Change, Effect, Effects
from loadkit.analysis.noise import Contrast
from loadkit.report.sweep.view import level, show
from loadkit.sweep.goals import WIRE

_SERIES = {
    "latency": "latency", "service_time": "service time", "send_delay": "send delay", "end_to_end": "end-to-end time",
    "commit": "commit time",
}  # fmt: skip
_PLAIN = {
    "max_rate": "highest rate within the SLO", "throughput": "throughput", "bytes": "byte rate",
    "client.cpu_per_message": "client CPU a message", "batch.size": "batch size", "requests": "request rate",
    "wire.bytes": "bytes sent a second", "batches": "batch rate", "requests.per_mb": "requests a MB",
    "client.cpu_per_mb": "client CPU a MB", "compression.ratio": "compression ratio",
    "partition.skew": "partition skew", "partition.skew.bytes": "partition skew by bytes",
    "lag.max": "largest lag", "lag_time.max": "longest lag",
}  # fmt: skip
_PLACES = (" matters most:", " comes next:")
_TIMES = 3.0
"""Ratio from which a change is told as "4 times" and no longer in percent."""
_BOUND = float(np.log(100))
"""An interval of an effect that reaches further, as a log-ratio, bounds nothing."""


def metric(name: str) -> str:
    """Return a metric as a reader says it: `p99 latency`, `throughput`."""
    if name == WIRE:
        return name
    owner, bare = vocabulary.split(name)
    series, _, statistic = bare.partition(".")
    if series in _SERIES:
        statistic = {"max": "largest", "mean": "mean"}.get(statistic, statistic)
        said = f"{statistic} {_SERIES[series]}"
    else:
        said = _PLAIN.get(bare, bare.replace("_", " "))
    return f"{said} of {owner}" if owner else said


def capital(text: str) -> str:
    """Return a text as a caption begins: in capitals, but for `p99`."""
    return text if text[:1] == "p" and text[1:2].isdigit() else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Return a text as a sentence stands: in capitals, with a full stop."""
    return f"{capital(text)}{'' if text.endswith('.') else '.'}" if text else ""


def between(name: str, low: float, high: float) -> str:
    """Return an interval of a metric, its unit once: `8.43 to 9.25 ms`."""
    (first, _, unit), (last, _, other) = (show(name, end).rpartition(" ") for end in (low, high))
    return f"{first} to {last} {other}" if unit == other else f"{first} {unit} to {last} {other}"


def percent(share: float) -> str:
    """Return a share without its sign: `3.2 %`, `38 %`, and `4.2 times` where it is large."""
    if share >= _TIMES - 1:
        return f"{share + 1:.2g} times" if share < 99 else f"{share + 1:,.0f} times"
    size = abs(share) * 100
    return f"{size:.2g} %" if size < 9.95 else f"{size:.0f} %"


def changed(contrast: Contrast, up: str = "higher", down: str = "lower") -> str:
    """Return a change with its interval: `38 % lower (29 to 46 %)`."""
    way = up if contrast.estimate > 0 else down
    said = _times(contrast.change, way)
    if not np.isfinite(contrast.low) or not np.isfinite(contrast.high):
        return said
    low, high = contrast.changes
    if low <= 0 <= high and low != high:
        return f"{said} (95 % interval from {percent(low)} {down} to {_times(high, up)})"
    ends = sorted((abs(low), abs(high)))
    return f"{said} (95 % interval {_range(ends, contrast.estimate > 0)})"


def _times(share: float, way: str) -> str:
    said = percent(share)
    return f"{said} as {'high' if way == 'higher' else 'much'}" if said.endswith("times") else f"{said} {way}"


def _range(ends: Sequence[float], up: bool) -> str:
    first, last = (percent(end) for end in ends) if up else (percent(-end) for end in ends)
    if first == last:
        return first
    unit = last.rpartition(" ")[2]
    return f"{first.removesuffix(' ' + unit)} to {last}" if first.endswith(unit) else f"{first} to {last}"


def effect_sentences(name: str, found: Effects) -> list[str]:
    """Return what each knob does to a metric in sentences, the one that matters most first."""
    told = [effect for effect in found.mains if effect.told]
    rest = [effect for effect in found.mains if not effect.told]
    said = [_main(name, effect, _PLACES[at > 0]) for at, effect in enumerate(told)]
    if not found.df:
        said = [_main(name, effect, ":") for effect in found.mains]
        said.append("Nothing was repeated, so none of this can be told from noise: give --repeats 3.")
    elif rest:
        said.append(_untold(name, rest))
    pairs = [effect for effect in found.interactions if effect.told]
    said += [_pair(name, effect) for effect in pairs]
    if found.interactions and not pairs:
        said.append("That two knobs change each other's effect cannot be told from noise.")
    return said


def _main(name: str, effect: Effect, place: str) -> str:
    (path,), (reference,) = effect.paths, effect.reference
    largest = effect.largest
    to = effect.typical * float(np.exp(largest.contrast.estimate))
    values = f"from {show(name, effect.typical)} to {show(name, to)}"
    return (
        f"{path}{place} with {level(largest.levels[0])} in place of {level(reference)}, {metric(name)} is "
        f"{changed(largest.contrast)}, {values} as a mean over the other knobs."
    )


def _untold(name: str, rest: Sequence[Effect]) -> str:
    ends = [end for e in rest for c in e.changes for end in (c.contrast.low, c.contrast.high)]
    most = max(abs(end) for end in ends)
    bound = (
        f"the intervals reach to {percent(float(np.expm1(most)))} at most"
        if most < _BOUND
        else "so few trials do not bound it; give more --repeats"
    )
    paths = listed([effect.paths[0] for effect in rest])
    verb = "does" if len(rest) == 1 else "do"
    return f"What {paths} {verb} to {metric(name)} cannot be told from noise: {bound}."


def _pair(name: str, effect: Effect) -> str:
    (one, other), (at, beside), change = effect.paths, effect.reference, effect.largest
    to, instead = (level(value) for value in change.levels)
    factor, low, high = (float(np.exp(end)) for end in _ends(change))
    return (
        f"{one} and {other} act on each other: going from {one} = {level(at)} to {to} changes {metric(name)} by a "
        f"factor {factor:.2g} times as large with {other} = {instead} as with {level(beside)} "
        f"(95 % interval {low:.2g} to {high:.2g})."
    )


def _ends(change: Change) -> tuple[float, float, float]:
    return change.contrast.estimate, change.contrast.low, change.contrast.high


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def counted(number: int, word: str) -> str:
    """Return `1 point`, `36 points`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
