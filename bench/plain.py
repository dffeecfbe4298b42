"""The peers written with confluent-kafka alone: the shortest loop for each job, nothing measured that costs.

`python -m bench.plain KIND SETTINGS` with SETTINGS as JSON; prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from time import monotonic, perf_counter_ns, process_time
from typing import Any

import confluent_kafka as ck

SIZE = 100
BATCH = 1000
PATIENCE = 30.0


def flat_out(config: dict[str, Any], topic: str, warmup: float, seconds: float) -> dict[str, float]:
    """Return rate and CPU of `produce()` in a loop with a shared empty callback and a poll every 1000 messages.

    The window opens after `warmup` s; what was confirmed in it is what was taken less what waits in the client.
    """
    producer, value = ck.Producer(config), b"x" * SIZE
    marks = []
    taken, begun = 0, monotonic()
    for until in (begun + warmup, begun + warmup + seconds):
        while monotonic() < until:
            taken += _batch(producer, topic, value)
        marks.append((monotonic(), process_time(), taken - len(producer)))
    producer.flush(60)
    (t0, c0, n0), (t1, c1, n1) = marks
    return {"rate": (n1 - n0) / (t1 - t0), "cpu_per_message": (c1 - c0) / (n1 - n0), "messages": taken}


def _batch(producer: ck.Producer, topic: str, value: bytes) -> int:
    """Hand over up to 1000 messages and serve callbacks; return how many were taken."""
    produce = producer.produce
    for n in range(BATCH):
        try:
            produce(topic, value, on_delivery=_nothing)
        except BufferError:
            producer.poll(0.001)
            return n
    producer.poll(0)
    return BATCH


def _nothing(error: Any, message: Any) -> None:
    """Do nothing: the least a callback can cost."""


def fill(config: dict[str, Any], topic: str, messages: int) -> dict[str, float]:
    """Return how many messages were put into a topic."""
    producer, value = ck.Producer(config), b"x" * SIZE
    taken = 0
    while taken < messages:
        taken += _batch(producer, topic, value)
    producer.flush(60)
    return {"messages": taken}


def one_at_a_time(config: dict[str, Any], topic: str, rate: float, warmup: float, seconds: float) -> dict[str, float]:
    """Return the quantiles (s) of produce-to-callback when each message is waited for by polling without a pause.

    No schedule, no queue, no batch, nobody else: as true as this client's callbacks get.
    """
    producer, value = ck.Producer(config), b"x" * SIZE
    acked = [0]

    def served(error: Any, message: Any) -> None:
        acked[0] = perf_counter_ns()

    spent = []
    begun = perf_counter_ns()
    for i in range(round(rate * (warmup + seconds))):
        due = begun + round(i * 1e9 / rate)
        while perf_counter_ns() < due:
            producer.poll(0)
        acked[0], sent = 0, perf_counter_ns()
        producer.produce(topic, value, on_delivery=served)
        while not acked[0]:
            producer.poll(0)
        spent.append(acked[0] - sent)
    spent = sorted(spent[round(rate * warmup) :])
    return {f"p{q}": spent[len(spent) * q // 100] / 1e9 for q in (50, 90, 99)} | {"messages": len(spent)}


def consume(config: dict[str, Any], topic: str, messages: int) -> dict[str, float]:
    """Return rate and CPU of `consume(10000)` that only counts."""
    consumer = ck.Consumer(config)
    consumer.subscribe([topic])
    first = 0
    while not first:
        first = len(consumer.consume(BATCH, 0.2))
    count, begun, spent, heard = 0, monotonic(), process_time(), monotonic()
    while first + count < messages:
        got = len(consumer.consume(10_000, 0.2))
        count, heard = count + got, monotonic() if got else heard
        if monotonic() > heard + PATIENCE:
            raise SystemExit(f"only {first + count} of {messages} messages came")
    took, cost = monotonic() - begun, process_time() - spent
    consumer.close()
    return {"rate": count / took, "cpu_per_message": cost / count, "messages": count}


KINDS = {"flat_out": flat_out, "fill": fill, "one_at_a_time": one_at_a_time, "consume": consume}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](**json.loads(sys.argv[2]))))  # type: ignore[operator]
