"""A trial of the simulated cluster without files: the same model, the same rules, a twentieth of the time.

`loadkit max` reads the files of a trial; here the numbers come from the model's arrays. `tests/test_trust_search.py`
holds the two against each other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import limit, vocabulary
from loadkit.scenario import Scenario
from loadkit.simulation import modelled
from loadkit.sweep.judgement import SUSTAINED
from loadkit.sweep.observation import Observation, growth, kept
from loadkit.sweep.scaling import total_rate
from loadkit.targets.simulated import Completed

SECOND_NS = 10**9
QUANTILES = ("p50", "p95", "p99", "p99.9")


def complete(scenario: Scenario, target: str, seconds: float) -> Completed:
    """Return everything that happens to the messages due in so many seconds."""
    users, model = modelled(scenario, target)
    end = round(seconds * SECOND_NS)
    first = model.advance(end, [user.arrivals(end, scenario.seed) for user in users])
    rest = model.finish()
    return Completed(
        _joined(first.acks, rest.acks), [_joined(a, b) for a, b in zip(first.deliveries, rest.deliveries, strict=True)],
        first.batches, first.queue_full + rest.queue_full, first.busy_s,
    )  # fmt: skip


def observe(scenario: Scenario, target: str, seconds: float, offered: float) -> Observation:
    """Return what a search looks at in such a trial."""
    done, whole = complete(scenario, target, seconds), int(seconds)
    acks = done.acks
    due, acked = _by_second(acks.intended_ns, whole), _by_second(acks.acked_ns, whole)
    metrics: dict[str, float | None] = {"errors": 0.0, "lost": 0.0, "unsent": 0.0}
    metrics |= _quantiles("latency", acks.acked_ns - acks.intended_ns)
    metrics |= _quantiles("send_delay", acks.sent_ns - acks.intended_ns)
    in_window = int((acks.acked_ns < seconds * SECOND_NS).sum())
    metrics |= {"offered": len(acks.number) / seconds, "throughput": in_window / seconds}
    lagging = None
    for got in done.deliveries:
        metrics |= _quantiles("end_to_end", got.received_ns - got.intended_ns)
        received = _by_second(got.received_ns, whole)
        metrics |= {"consumed": received.sum() / seconds, "lag.slope": growth(np.cumsum(acked - received))}
        share = kept(acked, received)
        lagging = None if share is None else 1 - share
    judged = limit.judge(_facts(metrics, done.queue_full))
    return Observation(offered, metrics, {}, kept(due, acked), lagging, None, judged.limit, judged.evidence)


def quantile(values: NDArray[np.int64], q: float) -> float:
    """Return a quantile (s) of times in ns, as a histogram has it: the smallest value with that share at or below."""
    at = max(0, math.ceil(q * len(values) - 1e-6) - 1)
    return float(np.partition(values, at)[at]) / 1e9


def _quantiles(series: str, values: NDArray[np.int64]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in QUANTILES:
        q = vocabulary.quantile(name)
        assert q
        enough = q <= 0.5 or len(values) * (1 - q) >= 10 - 1e-6
        found[f"{series}.{name}"] = quantile(values, q) if len(values) and enough else None
    return found | {f"{series}.max": float(values.max()) / 1e9 if len(values) else None}


def _by_second(instants: NDArray[np.int64], seconds: int) -> NDArray[np.float64]:
    return np.bincount(np.minimum(instants // SECOND_NS, seconds), minlength=seconds + 1)[:seconds].astype(float)


def _facts(metrics: dict[str, float | None], queue_full: int) -> limit.Facts:
    return limit.Facts(
        metrics["offered"], metrics["throughput"], 0.0, metrics["send_delay.p99"], None, None, queue_full,
        metrics.get("lag.slope"), metrics.get("consumed"), None, False,
    )  # fmt: skip


def _joined(first: Any, second: Any) -> Any:
    names = type(first).__slots__
    return type(first)(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in names))


def figure(scenario: Scenario, target: str, metric: str, messages: int) -> float:
    """Return one quantile of a run of about so many messages: infinite where the load is not kept up with."""
    seconds = messages / total_rate(scenario)
    done = complete(scenario, target, seconds)
    series, _, statistic = metric.partition(".")
    q = vocabulary.quantile(statistic)
    assert q
    if series == "end_to_end":
        got = done.deliveries[0]
        values, left = got.received_ns - got.intended_ns, got.received_ns
    else:
        values, left = done.acks.acked_ns - done.acks.intended_ns, done.acks.acked_ns
    whole = int(seconds)
    share = kept(_by_second(done.acks.intended_ns, whole), _by_second(left, whole))
    return math.inf if share is not None and share < 1 - SUSTAINED else quantile(values, q)
