"""A trial of the simulated cluster without files: the same model, the same rules, a tenth of the time.

`loadkit max` reads the files of a trial; here the numbers come from the model's arrays. `tests/test_trust_search.py`
holds the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadkit import limit, vocabulary
from loadkit.limit_facts import Facts
from loadkit.scenario import Scenario
from loadkit.simulation import modelled
from loadkit.summary import BEYOND
from loadkit.sweep.judgement import SUSTAINED
from loadkit.sweep.observation import Observation, growth, kept
from loadkit.sweep.scaling import total_rate
from loadkit.targets.simulated import Completed

SECOND_NS = 10**9
QUANTILES = ("p50", "p95", "p99", "p99.9")
AT_ONCE = 100_000
"""Messages modelled in one window: a long run would not fit into memory whole."""

Instants = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trial:
    """When each message of a trial was due, sent, acknowledged and, where there are consumers, received (ns)."""

    seconds: float
    intended: Instants
    sent: Instants
    acked: Instants
    due_received: Instants
    """When each received message was due."""
    received: Instants
    consumed: bool
    queue_full: int

    @property
    def latency(self) -> Instants:
        """From due to acknowledged."""
        return self.acked - self.intended

    @property
    def end_to_end(self) -> Instants:
        """From due to received."""
        return self.received - self.due_received


def trial(scenario: Scenario, target: str, seconds: float) -> Trial:
    """Return what happens to the messages due in so many seconds."""
    done = list(_windows(scenario, target, seconds))
    acks = [one.acks for one in done]
    got = [one.deliveries[0] for one in done if one.deliveries]
    return Trial(
        seconds, *(_joined([getattr(part, name) for part in acks]) for name in ("intended_ns", "sent_ns", "acked_ns")),
        *(_joined([getattr(part, name) for part in got]) for name in ("intended_ns", "received_ns")),
        consumed=bool(got), queue_full=sum(one.queue_full for one in done),
    )  # fmt: skip


def _windows(scenario: Scenario, target: str, seconds: float) -> Iterator[Completed]:
    users, model = modelled(scenario, target)
    windows = max(1, round(total_rate(scenario) * seconds / AT_ONCE))
    for window in range(windows):
        end = round(seconds * SECOND_NS * (window + 1) / windows)
        yield model.advance(end, [user.arrivals(end, scenario.seed) for user in users])
    yield model.finish()


def observe(scenario: Scenario, target: str, seconds: float, offered: float) -> Observation:
    """Return what a search looks at in such a trial."""
    made, whole = trial(scenario, target, seconds), int(seconds)
    due, acked = _by_second(made.intended, whole), _by_second(made.acked, whole)
    metrics: dict[str, float | None] = {"errors": 0.0, "lost": 0.0, "unsent": 0.0}
    metrics |= _quantiles("latency", made.latency) | _quantiles("send_delay", made.sent - made.intended)
    in_window = int((made.acked < seconds * SECOND_NS).sum())
    metrics |= {"offered": len(made.intended) / seconds, "throughput": in_window / seconds}
    lagging = None
    if made.consumed:
        received = _by_second(made.received, whole)
        metrics |= _quantiles("end_to_end", made.end_to_end)
        metrics |= {"consumed": received.sum() / seconds, "lag.slope": growth(np.cumsum(acked - received).tolist())}
        share = kept(acked.tolist(), received.tolist())
        lagging = None if share is None else 1 - share
    judged = limit.judge(_facts(metrics, made.queue_full))
    share = kept(due.tolist(), acked.tolist())
    return Observation(offered, metrics, {}, share, lagging, None, judged.limit, judged.evidence)


def figure(scenario: Scenario, target: str, metric: str, messages: int) -> float:
    """Return one quantile of a run of about so many messages: infinite where the load is not kept up with."""
    seconds = messages / total_rate(scenario)
    made, whole = trial(scenario, target, seconds), int(seconds)
    series, _, statistic = metric.partition(".")
    q = vocabulary.quantile(statistic)
    assert q
    values, left = (made.end_to_end, made.received) if series == "end_to_end" else (made.latency, made.acked)
    share = kept(_by_second(made.intended, whole).tolist(), _by_second(left, whole).tolist())
    return math.inf if share is not None and share < 1 - SUSTAINED else quantile(values, q)


def quantile(values: Instants, q: float) -> float:
    """Return a quantile (s) of times in ns, as a histogram has it: the smallest value with that share at or below."""
    at = max(0, math.ceil(q * len(values) - 1e-6) - 1)
    return float(np.partition(values, at)[at]) / 1e9


def _quantiles(series: str, values: Instants) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in QUANTILES:
        q = vocabulary.quantile(name)
        assert q
        enough = q <= 0.5 or len(values) * (1 - q) >= BEYOND - 1e-6
        found[f"{series}.{name}"] = quantile(values, q) if len(values) and enough else None
    return found | {f"{series}.max": float(values.max()) / 1e9 if len(values) else None}


def _by_second(instants: Instants, seconds: int) -> NDArray[np.float64]:
    return np.bincount(np.minimum(instants // SECOND_NS, seconds), minlength=seconds + 1)[:seconds].astype(float)


def _facts(metrics: dict[str, float | None], queue_full: int) -> Facts:
    return Facts(
        metrics["offered"], metrics["throughput"], 0.0, metrics["send_delay.p99"], metrics["latency.p50"], None, None,
        queue_full, metrics.get("lag.slope"), metrics.get("consumed"), None, False,
    )  # fmt: skip


def _joined(parts: list[Instants]) -> Instants:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
