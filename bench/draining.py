"""loadkit draining a full topic: its consumer waits while its producer fills the topic, and then works alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench.lab import FLAT_OUT, Lab, Trial

FILL, CALM = 12.0, 4.0
"""Seconds of filling, and between its end and the consumer's start."""
RATE = 300_000
"""Messages a second: the scenario's."""
MESSAGES = round(RATE * (FILL + 1))
"""With those of the warm-up: so many that draining takes several seconds."""


def drain(lab: Lab) -> dict[str, float]:
    """Return what one run of loadkit makes of it."""
    sets = (f"Filler.shape=points([('0s', 1), ('{FILL:g}s', 1), ('{FILL:g}s', 0)])",
            f"Drainer.pause={{'at': 0, 'length': {FILL + CALM:g}}}")  # fmt: skip
    words = [word for one in sets for word in ("--set", one)]
    return drained(lab.loadkit("consuming", 1, 2 * FILL + CALM, *words), FILL + CALM)


def drained(trial: Trial, quiet: float) -> dict[str, float]:
    """Return CPU and rate of the seconds in which a process only consumed, from `quiet` s into the measured phase.

    The CPU until two seconds after the last message is divided by the messages of that time: it holds some idle
    polling and the folding of the last second, so the figure errs against loadkit. The rate is the median second's of
    those between the first and the last, in parts of which nothing came. A producer that was late puts the beginning
    off; RuntimeError when it leaves fewer than three seconds.
    """
    busy = [r["t"] for r in trial.rows if r["kind"] == "producer" and (r.get("sent") or r.get("acked"))]
    quiet = max(quiet + trial.measured[0], max(busy) + 2)
    seconds = sorted({r["t"] for r in trial.rows if r["kind"] == "consumer" and r.get("received") and r["t"] >= quiet})
    if len(seconds) < 3:
        raise RuntimeError("the topic was drained before it was full, or within a second: there is no whole second")
    received = [trial.total("consumer", "received", t, t + 1) for t in seconds]
    cpu = trial.total("host", "cpu", quiet, seconds[-1] + 3)
    figures = {"rate": median(received[1:-1]), "cpu": cpu / sum(received), "messages": sum(received)}
    return figures | {"lost": trial.metric("lost"), "end_to_end_p50": trial.metric("end_to_end.p50")}


@contextmanager
def full_topic(lab: Lab) -> Iterator[str]:
    """Keep a topic with as many messages beside a block, for peers to drain; give its name."""
    with lab.topic() as topic:
        lab.plain("fill", config=lab.config("producer", **FLAT_OUT), topic=topic, messages=MESSAGES)
        yield topic
