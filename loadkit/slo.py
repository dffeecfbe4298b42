"""Service level objectives as text: `latency.p99 < 20ms`, `errors == 0`, `throughput >= 45k/s`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadkit import units, vocabulary
from loadkit.errors import UsageError

_TEXT = re.compile(r"^\s*([\w.\-]+?)\s*(<=|>=|==|<|>)\s*(.+?)\s*$")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Objective:
    """One metric and its bound, in the metric's own unit."""

    text: str
    metric: str
    compare: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Return the objective of a text; UsageError saying how to write one."""
        match = _TEXT.match(text)
        if not match:
            raise UsageError(f"{text!r} is not an objective: write it like 'latency.p99 < 20ms'")
        _, metric = vocabulary.split(match[1])
        try:
            return cls(text.strip(), match[1], match[2], _bound(metric, match[3]))
        except ValueError as error:
            raise UsageError(f"{text!r}: {error}") from None

    def holds(self, metrics: Mapping[str, float | None]) -> bool | None:
        """Return whether it holds; None where the metric was withheld."""
        value = metrics.get(self.metric)
        return None if value is None else _COMPARE[self.compare](value, self.bound)


def _bound(metric: str, text: str) -> float:
    if metric.split(".")[0] in (*vocabulary.LATENCIES, "lag_time") or metric == "client.cpu_per_message":
        return units.parse_duration(text)
    if metric == "bytes":
        return units.parse_byte_rate(text)
    if metric == "batch.size":
        return float(units.parse_size(text))
    return units.parse_rate(text)


def check_together(objectives: Sequence[Objective]) -> None:
    """Raise UsageError where no trial could hold two objectives at once.

    That is so for two bounds of one metric that leave nothing between them, and for a quantile that is to be above
    where a higher quantile of the same series is to be below.
    """
    for low in objectives:
        for high in objectives:
            if low.compare not in (">", ">=", "==") or high.compare not in ("<", "<=", "=="):
                continue
            strict = low.compare == ">" or high.compare == "<"
            if _below(low.metric, high.metric) and (low.bound > high.bound or (strict and low.bound == high.bound)):
                raise UsageError(f"--slo {low.text!r} and {high.text!r} contradict each other: no trial can hold both")


def _below(one: str, other: str) -> bool:
    """Return whether one metric is never above the other: itself, or a lower quantile of the same series."""
    (series, _, first), (same, _, second) = one.rpartition(".p"), other.rpartition(".p")
    ranks = [vocabulary.quantile(f"p{statistic}") for statistic in (first, second)]
    if one == other:
        return True
    if series and other == f"{series}.max":
        return True
    return bool(series) and series == same and None not in ranks and ranks[0] <= ranks[1]  # type: ignore[operator]
