"""Service level objectives as text: `latency.p99 < 20ms`, `errors == 0`, `throughput >= 45k/s`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
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


def parse_all(texts: Iterable[str]) -> list[Objective]:
    """Return the objectives of several texts; UsageError where they cannot hold together."""
    found = [Objective.parse(text) for text in texts]
    lowest = [Objective(f"{one.metric} >= 0", one.metric, ">=", 0.0) for one in found if _never_negative(one.metric)]
    for upper in found:
        lower = next((one for one in [*lowest, *found] if _contradict(one, upper)), None)
        if lower:
            raise UsageError(f"--slo {upper.text!r} and {lower.text!r} contradict each other: no trial can hold both")
    return found


def _never_negative(metric: str) -> bool:
    return not metric.endswith("lag.slope")


def _contradict(lower: Objective, upper: Objective) -> bool:
    """Return whether what is asked to be high is below what is asked to be low, of one metric or a higher quantile."""
    if lower.compare not in (">", ">=", "==") or upper.compare not in ("<", "<=", "=="):
        return False
    if not _at_most(lower.metric, upper.metric):
        return False
    both = lower.compare in (">=", "==") and upper.compare in ("<=", "==")
    return not (lower.bound <= upper.bound if both else lower.bound < upper.bound)


def _at_most(one: str, other: str) -> bool:
    """Return whether a metric can never be above another: it is the same, or a lower quantile of the same series."""
    if one == other:
        return True
    (series, low), (same, high) = _quantile(one), _quantile(other)
    return series == same and low is not None and high is not None and low < high


def _quantile(metric: str) -> tuple[str, float | None]:
    """Return the series of a quantile and its share; 1 for the highest value."""
    series, _, number = metric.rpartition(".p")
    if metric.endswith(".max") and not metric.endswith(("lag.max", "lag_time.max")):
        return metric.removesuffix(".max"), 1.0
    return series, vocabulary.quantile(f"p{number}")


def _bound(metric: str, text: str) -> float:
    if metric.split(".")[0] in (*vocabulary.LATENCIES, "lag_time") or metric == "client.cpu_per_message":
        return units.parse_duration(text)
    if metric == "bytes":
        return units.parse_byte_rate(text)
    if metric == "batch.size":
        return float(units.parse_size(text))
    return units.parse_rate(text)
