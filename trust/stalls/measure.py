"""One case, with loadkit and with Kafka's own tools: what each reported beside what the record says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import peers
from bench.lab import JAVA
from bench.process import run
from loadkit.result import read_tracks
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster
from trust.proxy.record import Record
from trust.stalls import truth, world
from trust.stalls.cases import ECHOES_BEFORE, MEASURED, RATE, SIZE, WARMUP, Case
from trust.stalls.truth import Truth

GRID = (*(at / 100 for at in range(2, 100, 2)), 0.99, 0.995, 0.999, 1.0)
"""Shares at which the curve of a case is drawn."""
CLOSE_S = 0.1
_PATIENT = ("--timeout", "60000")
"""Of kafka-consumer-perf-test, which is there before the producer's JVM has started."""
Facts = dict[str, Any]
Measure = Callable[[EmbeddedCluster, Case, Path], Facts]


def loadkit(cluster: EmbeddedCluster, case: Case, work: Path) -> Facts:
    """Return what `loadkit run` reported, beside the truth."""
    out = work / "run"
    shutil.rmtree(out, ignore_errors=True)
    with world.through(cluster, case, work / "run.log") as way:
        result = world.load(cluster, case, way, out)
    name = result["target"]["topics"]["ticks"]["name"]
    stored = world.stored(cluster, name)
    world.forget(cluster, name)
    true = measured(truth.of(way.seen, stored, stored.intended_ns()), result, way.seen)
    return {
        **judged(true, result["metrics"], result["totals"]["Clock"]["unsent"]), "stopped": way.stopped, "curve": {
            "shares": list(GRID), "truth": [truth.quantile(true.series()["latency"], q) for q in GRID],
            "reported": (read_tracks(out)["Clock.latency"].total.quantiles(GRID) / 1e6).tolist(),
        }, "record": seen(way.seen), "lanes": sorted({one["lane"] for one in result["classes"].values()}),
        "limit": result["limit"], "acked_p99": result["uncertainty"]["acked_p99"],
    }  # fmt: skip


def measured(true: Truth, result: Mapping[str, Any], record: Record) -> Truth:
    """Return the messages that were due in a run's measured phase: the last ones, as many as it says that it sent.

    The wall clock of the result is only read to see that it is this phase: RuntimeError if not.
    """
    phase = next(phase for phase in result["phases"] if phase["name"] == "measure")
    due, sent = np.sort(true.due), result["totals"]["Clock"]["sent"]
    if not 0 < sent <= len(due):
        raise RuntimeError(f"the run says that it sent {sent} messages, and the topic holds {len(due)}")
    off = record.epoch(int(due[-sent])) - result["started_epoch"] - phase["start"]
    if abs(off) > CLOSE_S:
        raise RuntimeError(f"the first of {sent} messages was due {off:.3f} s after the start of the measured phase")
    return true.between(int(due[-sent]), int(due[-1]) + 1)


def judged(true: Truth, metrics: Mapping[str, float | None], unsent: int = 0) -> Facts:
    """Return percentiles beside the truth, and whether they and the number of messages are what they have to be."""
    rows, found = truth.compared(true, metrics), true.series()
    whole = len(true) + unsent == RATE * MEASURED and all(len(found.get(one, ())) == len(true) for one in truth.SERIES)
    untold = int((true.acked == 0).sum() + (true.got == 0).sum())
    return {
        "messages": len(true), "unsent": unsent, "untold": untold, "rows": rows,
        "kept": whole and all(row["kept"] for row in rows), "floor": truth.quantiles(found["passage"]), "send_delay": {
            name: [value, metrics.get(f"send_delay.{name}")]
            for name, value in truth.quantiles(found["send_delay"]).items()
        },
    }  # fmt: skip


def seen(record: Record) -> Facts:
    """Return what passed the proxy."""
    fetches = [one for one in record.of("fetch") if one.parts]
    writing = np.array([one.returned_ns - one.response_ns for one in record.passed], np.int64)
    return {"produces": len(record.of("produce")), "fetches": len(fetches), "resets": len(record.resets),
            "clocks_apart": (record.wall_end_ns - record.wall_ns) / 1e9,
            "writing_p99": truth.quantile(writing, 0.99)}  # fmt: skip


def tools(cluster: EmbeddedCluster, case: Case, work: Path) -> Facts:
    """Return what kafka-producer-perf-test and kafka-consumer-perf-test printed, run at once, beside the truth."""
    java, warmup, records = embedded.java_command(), RATE * WARMUP, RATE * MEASURED
    settings = {**JAVA, **case.java}
    with world.topic(cluster, f"tools-{case.name}") as topic:
        with world.through(cluster, case, work / "tools.log") as way, ThreadPoolExecutor() as pool:
            properties = {"bootstrap.servers": way.bootstrap, **settings}
            producing = peers.producer_perf(java, topic, records, warmup, properties, SIZE, RATE)
            consuming = [*peers.consumer_perf(java, way.bootstrap, topic, warmup + records), *_PATIENT]
            ran = [pool.submit(run, command, work) for command in (producing, consuming)]
            wrote, got = (one.result().output for one in ran)
        stored = world.stored(cluster, topic)
    printed, read = peers.read_producer_perf(wrote), peers.read_consumer_perf(got)
    if (printed.records, there := len(stored.offset)) != (records, warmup + records):
        raise RuntimeError(f"{printed.records} of {records} records were measured, {there} are in the topic")
    due = truth.schedule(stored.created_ns(way.seen), RATE)
    true = truth.of(way.seen, stored, due).between(int(due[warmup]), int(due[-1]) + 1)
    values = true.series()
    return {
        "messages": len(true), "untold": int((true.acked == 0).sum()), "truth": truth.quantiles(values["latency"]),
        "slip": truth.quantiles(np.maximum(values["send_delay"], 0)), "printed": {
            name: value / 1e3 for name, value in
            (("p50", printed.p50), ("p99", printed.p99), ("p99.9", printed.p999), ("max", printed.max))
        }, "consumer": {
            "messages": read.records, "printed_rate": read.rate, "gap": truth.longest_gap(way.seen.of("fetch")),
        }, "stopped": way.stopped, "record": seen(way.seen),
    }  # fmt: skip


def echoes(cluster: EmbeddedCluster, case: Case, work: Path) -> Facts:
    """Return what EndToEndLatency printed, which sends a message when it has got the one before."""
    case = replace(case, behaviour=replace(case.behaviour, after=ECHOES_BEFORE))
    with world.topic(cluster, f"echoes-{case.name}") as topic:
        with world.through(cluster, case, work / "echoes.log") as way:
            ran = run(peers.echo(embedded.java_command(), way.bootstrap, topic, case.echoes, SIZE), work)
        printed = peers.read_echo(ran.output)
    times = [one.response_ns for one in way.seen.of("produce")]
    return {
        "messages": case.echoes, "seconds": (max(times) - min(times)) / 1e9, "stopped": way.stopped,
        "printed": {"p50": printed.p50 / 1e3, "p99": printed.p99 / 1e3, "p99.9": printed.p999 / 1e3},
    }  # fmt: skip


MEASURES: dict[str, Measure] = {"loadkit": loadkit, "tools": tools, "echoes": echoes}
"""What is made of each case, in this order."""
