"""Random simulated clusters and the highest rate that each sustains within an objective, known without any search.

A cluster is drawn by its number: how it serves, what is sent to it, and a rate, `truth`. The objective is then the
figure that the cluster has at that rate, so that `truth` is the highest rate within the objective by construction:

    queue      one message a request: M/M/c and M/D/1; the figure is queueing theory's, with no simulation in it
    batching   even arrivals in batches: `truth` is where the servers are just busy, by arithmetic; a loose objective
    gap        the same, where batches of one are too many requests at middle rates, and those of two at higher ones not
    noisy      Poisson arrivals, batches, lognormal service times: the figure of one long run of the model at `truth`
    pausing    the same with pauses of all servers
    linger     batches that are full sooner at higher rates: low rates fail the objective, high ones pass
    consumers  consumers that need time for each message are slower than the cluster
    generator  the generator gives out before the cluster; `truth` is where, and the answer must say so

Families that rest on a long run are looked at on a grid above `truth`: nothing there may pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from loadkit import payloads
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Topic
from loadkit.slo import Objective
from loadkit.sweep.scaling import at_rate
from loadkit.targets import queueing
from trust.search.measure import figure

LONG = 1_200_000
"""Messages of the long run that fixes an objective."""
GLANCE = 150_000
"""Messages of each run on the grid above."""
GRID = tuple(1.05**step for step in (1, 2, 3, 4, 6, 8, 10, 13, 16, 20))
STEEP = 1.02
"""How much worse the figure must be 5 % above `truth`: where it hardly depends on the rate there is nothing to find."""
NETWORK, REPLICATION = 0.2e-3, 1e-3
DELAY = 2 * NETWORK + REPLICATION
"""What every acknowledgement takes besides waiting and service, by the model's defaults (s)."""
SIZE = 100
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster, what is sent to it, and what is true of it."""

    number: int
    family: str
    scenario: Scenario
    """At `start`."""
    target: str
    slo: str
    truth: float
    """The highest rate (msg/s) within the objective."""
    start: float
    redrawn: int = 0
    """Draws before this one that had no highest rate worth the name."""

    @property
    def objective(self) -> Objective:
        """The objective, parsed."""
        return Objective.parse(self.slo)


@dataclass(frozen=True, slots=True)
class Draw:
    """A cluster before its start is drawn; `limit` is the objective's bound (s)."""

    scenario: Scenario
    """At `truth`."""
    target: str
    metric: str
    limit: float
    truth: float


class NotPosed(Exception):
    """A draw without a highest rate worth the name."""


def cluster(number: int) -> Cluster:
    """Return the cluster of a number, the same one always."""
    rng = np.random.default_rng([20_240, number])
    names = [name for name, (_, weight) in FAMILIES.items() for _ in range(weight)]
    family = names[number % len(names)]
    for redrawn in range(DRAWS):
        try:
            drawn = FAMILIES[family][0](rng)
        except NotPosed:
            continue
        start = float(f"{drawn.truth * 2 ** rng.uniform(-5, 1.5):.3g}")
        slo = f"{drawn.metric} < {drawn.limit * 1e3:.6g}ms"
        return Cluster(number, family, at_rate(drawn.scenario, start), drawn.target, slo, drawn.truth, start, redrawn)
    raise AssertionError(f"cluster {number}: {DRAWS} draws and none well posed")


def _scenario(
    rate: float, *, arrivals: str = "poisson", partitions: int = 1, linger: float = 0.0, batch: int = 1,
    producers: int = 1, process: float = 0.0, consumers: int = 0,
) -> Scenario:  # fmt: skip
    topic = Topic("orders", partitions=partitions)
    made = ProducerWorkload(
        name="Checkout", topic=topic, rate=rate, arrivals=arrivals, fixed_count=producers,
        payload=payloads.constant(size=SIZE),
        config={"linger.ms": f"{linger * 1e3:g}", "batch.size": str(batch * SIZE), "acks": "all"},
    )  # fmt: skip
    reading = [
        ConsumerWorkload(name="Billing", topic=topic, fixed_count=consumers, process_time=process)
    ] if consumers else []  # fmt: skip
    return Scenario(name="trust", producers=(made,), consumers=tuple(reading))


def _target(**parameters: object) -> str:
    return "simulated?" + "&".join(f"{name}={value}" for name, value in parameters.items())


def _rate(rate: float) -> str:
    return f"{rate:.6g}/s"


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number drawn evenly on the logarithm, to four digits, so that a name can hold it."""
    return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.4g}")


# families whose truth is arithmetic


def _queue(rng: np.random.Generator) -> Draw:
    servers, service = int(rng.choice([1, 1, 2, 4])), _between(rng, 800, 5000)
    share, busy = float(rng.choice([0.95, 0.99])), rng.uniform(0.5, 0.97)
    truth = busy * servers * service
    if servers == 1 and rng.random() < 0.4:
        kind, wait = "deterministic", queueing.md1_wait_quantile(truth, service, share)
        if wait * service > 18:  # beyond, Erlang's series is not exact in floats
            raise NotPosed
        figured = wait + 1 / service
    else:
        kind, figured = "exponential", queueing.mmc_sojourn_quantile(truth, service, servers, share)
    target = _target(
        service_rate=_rate(service), servers=servers, service=kind, request_overhead="0s", byte_rate="none"
    )
    producers = int(rng.integers(1, 4))
    return Draw(_scenario(truth, producers=producers), target, f"latency.p{share * 100:g}", figured + DELAY, truth)


def _sustained(overhead: float, service: float, pace: float, most: int) -> list[tuple[float, float]]:
    """Return the ranges of rates at which one server keeps up with even arrivals in batches.

    From (m - 1) pace to m pace, with pace = partitions / linger, a batch holds m messages
    (`queueing.messages_per_batch`), and m of them take overhead + m / service seconds.
    """
    found: list[tuple[float, float]] = []
    for m in range(1, most + 1):
        low, high = (m - 1) * pace, m * pace if m < most else math.inf
        fits = min(high, m / (overhead + m / service))
        if fits <= low:
            continue
        if found and math.isclose(found[-1][1], low):
            found[-1] = (found[-1][0], fits)
        else:
            found.append((low, fits))
    return found


def _batching(rng: np.random.Generator, gap: bool = False) -> Draw:
    partitions, linger = int(rng.integers(1, 9)), _between(rng, 2e-3, 20e-3)
    overhead, service = _between(rng, 0.1e-3, 3e-3), _between(rng, 2000, 20_000)
    most = int(rng.integers(2, 50))
    ranges = _sustained(overhead, service, partitions / linger, most)
    truth = ranges[-1][1]
    wide = ranges[-1][1] / max(ranges[-1][0], 1e-9)
    if (len(ranges) > 1) != gap or not 300 < truth < 6000 or wide < 1.1:
        raise NotPosed
    if gap and ranges[-1][0] / ranges[-2][1] < 1.06:
        raise NotPosed
    longest = linger + partitions * (overhead + most / service) + DELAY
    target = _target(service_rate=_rate(service), request_overhead=f"{overhead * 1e6:.6g}us", byte_rate="none")
    made = _scenario(truth, arrivals="even", partitions=partitions, linger=linger, batch=most)
    return Draw(made, target, "latency.p99", 1.5 * longest, truth)


def _gap(rng: np.random.Generator) -> Draw:
    return _batching(rng, gap=True)


def _generator(rng: np.random.Generator) -> Draw:
    truth = _between(rng, 500, 4000)
    target = _target(service_rate=_rate(4 * truth), request_overhead="0s", generator_rate=_rate(truth))
    return Draw(_scenario(truth, arrivals="even"), target, "latency.p99", rng.uniform(0.02, 0.2), truth)


# families whose objective is the figure of a long run


def _noisy(rng: np.random.Generator, pausing: bool = False) -> Draw:
    partitions, linger = int(rng.integers(1, 9)), float(rng.choice([0.0, 0.0, 2e-3, 5e-3, 10e-3]))
    overhead, service = _between(rng, 0.05e-3, 1e-3), _between(rng, 1000, 10_000)
    most, servers = int(rng.choice([1, 8, 64])), int(rng.choice([1, 1, 2, 4]))
    full = _full(servers, overhead, service, partitions, linger, most)
    truth = full * rng.uniform(0.55, 0.95)
    parameters: dict[str, object] = {
        "service_rate": _rate(service), "servers": servers, "request_overhead": f"{overhead * 1e6:.6g}us",
        "byte_rate": "none", "noise": f"{rng.uniform(0.1, 0.8):.2f}",
    }  # fmt: skip
    if pausing:
        every, length = rng.uniform(0.3, 1.5), rng.uniform(0.005, 0.05)
        truth *= 1 - length / every
        parameters["pause"] = _pauses(every, length, rng.random(), 60.0)
    if not 500 < truth < 6000:
        raise NotPosed
    made = _scenario(truth, partitions=partitions, linger=linger, batch=most, producers=int(rng.integers(1, 3)))
    long = _long_target(parameters, truth)
    return _posed(made, _target(**parameters), f"latency.p{rng.choice([95, 99])}", truth, long)


def _full(servers: int, overhead: float, service: float, partitions: int, linger: float, most: int) -> float:
    """Return about the rate at which the servers are busy with batches of 1 + linger * rate / partitions messages."""
    rate = servers / (overhead + 1 / service)
    for _ in range(100):
        held = min(most, 1 + linger * rate / partitions)
        rate = servers * held / (overhead + held / service)
    return rate


def _pauses(every: float, length: float, phase: float, until: float) -> str:
    count = int(until / every)
    return ",".join(f"{(phase + k) * every:.4f}s:{length * 1e3:.1f}ms" for k in range(count))


def _long_target(parameters: dict[str, object], truth: float) -> str:
    """Return the target with its pauses continued to the end of the long run."""
    text = parameters.get("pause")
    if not text:
        return _target(**parameters)
    times = [float(part.partition("s:")[0]) for part in str(text).split(",")]
    length = float(str(text).split(",")[0].partition(":")[2].removesuffix("ms")) / 1e3
    every = (times[-1] - times[0]) / (len(times) - 1)
    return _target(**{**parameters, "pause": _pauses(every, length, times[0] / every, LONG / truth)})


def _pausing(rng: np.random.Generator) -> Draw:
    return _noisy(rng, pausing=True)


def _linger(rng: np.random.Generator) -> Draw:
    partitions, most = int(rng.integers(1, 4)), int(rng.integers(4, 20))
    overhead, service = _between(rng, 0.2e-3, 2e-3), _between(rng, 2000, 10_000)
    truth = most / (overhead + most / service) * rng.uniform(0.85, 0.98)
    linger = float(f"{most * partitions / truth * rng.uniform(4, 10):.4g}")
    if not 500 < truth < 6000:
        raise NotPosed
    target = _target(
        service_rate=_rate(service), request_overhead=f"{overhead * 1e6:.6g}us", byte_rate="none",
        noise=f"{rng.uniform(0.3, 0.8):.2f}",
    )  # fmt: skip
    made = _scenario(truth, partitions=partitions, linger=linger, batch=most)
    low, half, here = (figure(at_rate(made, truth * x), target, "latency.p99", GLANCE) for x in (0.125, 0.5, 1.0))
    if low < 1.1 * here or half > 0.9 * here:  # it is to fail at low rates, and to pass in an octave below the truth
        raise NotPosed
    return _posed(made, target, "latency.p99", truth, target)


def _consumers(rng: np.random.Generator) -> Draw:
    consumers = int(rng.integers(1, 5))
    process = _between(rng, 0.2e-3, 2e-3)
    truth = consumers / process * rng.uniform(0.6, 0.95)
    if not 500 < truth < 6000:
        raise NotPosed
    target = _target(service_rate=_rate(20 * truth), request_overhead="10us", byte_rate="none")
    made = _scenario(truth, partitions=consumers * int(rng.integers(1, 4)), process=process, consumers=consumers)
    return _posed(made, target, "end_to_end.p99", truth, target)


def _posed(made: Scenario, target: str, metric: str, truth: float, long: str) -> Draw:
    """Return the draw whose objective is its figure in a long run, unless higher rates pass or 5 % hardly matter."""
    limit = figure(made, long, metric, LONG)
    above = _figures(made, long, metric, truth)
    if math.isinf(limit) or next(above) < STEEP * limit or any(found < limit for found in above):
        raise NotPosed
    return Draw(made, target, metric, limit, truth)


def _figures(made: Scenario, target: str, metric: str, truth: float) -> Iterator[float]:
    for factor in GRID:
        yield figure(at_rate(made, truth * factor), target, metric, LONG // 2 if factor < 1.06 else GLANCE)


FAMILIES: dict[str, tuple[Callable[[np.random.Generator], Draw], int]] = {
    "queue": (_queue, 9), "batching": (_batching, 6), "gap": (_gap, 2), "noisy": (_noisy, 8), "pausing": (_pausing, 6),
    "linger": (_linger, 4), "consumers": (_consumers, 3), "generator": (_generator, 2),
}  # fmt: skip
"""Families and how many of 40 clusters are of each."""
