"""Service level objectives as text: `latency.p99 < 20ms`, `errors == 0`, `throughput >= 45k/s`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
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
