"""More cases: other sizes, keys and payloads, both directions at once, several processes, and what a core makes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import peers
from bench.case import Case
from bench.figures import Criterion, ratios
from bench.lab import JAVA, Lab, Trial, column
from bench.process import run

KIB32 = 32_768
"""kafka-producer-perf-test's buffer, in KiB."""
PERF = "kafka-producer-perf-test"
CONTENTS = {
    "constant": "constant(size='256B')",
    "zipf keys": "constant(size='256B')",
    "mixed JSON": "json_like(size={'kind': 'lognormal', 'median': 240, 'sigma': 0.4, 'min': 100, 'max': 1024})",
}
SIZES = ("100B", "1KiB", "10KiB", "100KiB")
PROCESSES = (1, 2, 4)


def flat_out(trial: Trial) -> dict[str, float]:
    """Return rate, CPU a message in the window and of the whole process."""
    start, end = trial.measured
    return {
        "rate": trial.total("producer", "acked", start, end) / (end - start),
        "cpu": trial.metric("client.cpu_per_message"),
        "cpu_whole": trial.ran.cpu / trial.total("producer", "acked", 0, 1e9),
    }  # fmt: skip


def kib(lab: Lab, pairs: int) -> Case:
    """Return flat-out producers of 1 KiB whose buffers hold as much: loadkit, kafka-producer-perf-test."""
    warmup, seconds, guess = lab.length(2), lab.length(6), [120_000.0]

    def loadkit() -> dict[str, float]:
        sets = ("--set", "Flood.payload.size=1KiB", "--set", f"Flood.config.queue.buffering.max.kbytes={KIB32}")
        found = flat_out(lab.loadkit("producing", warmup, seconds, *sets))
        guess[0] = found["rate"]
        return found

    def java() -> dict[str, float]:
        records, before = round(guess[0] * seconds), round(guess[0] * warmup)
        with lab.topic() as topic:
            properties = {"bootstrap.servers": lab.cluster.bootstrap, **JAVA, "buffer.memory": str(KIB32 << 10)}
            ran = run(peers.producer_perf(lab.java, topic, records, before, properties, 1024), lab.folder)
        return {"rate": peers.read_producer_perf(ran.output).rate, "cpu_whole": ran.cpu / (records + before)}

    rounds = lab.interleaved(pairs, {"loadkit": loadkit, PERF: java})
    return Case(
        "kib", "Producing 1 KiB flat out, buffers of 32 MiB on both sides",
        f"As in producing, {warmup:g} s of warm-up, then {seconds:g} s.", rounds,
        [
            Criterion(f"rate, loadkit / {PERF}", _over(rounds, "rate", PERF), floor=1.2),
            Criterion(f"CPU of whole processes, loadkit / {PERF}", _over(rounds, "cpu_whole", PERF), sense="<="),
        ],
    )  # fmt: skip


def both(lab: Lab, pairs: int) -> Case:
    """Return producing and consuming at once: loadkit in two processes, the two perf-tests in theirs."""
    seconds, guess, ours, theirs = lab.length(8), [500_000.0], "loadkit", "both perf-tests"

    def loadkit() -> dict[str, float]:
        trial = lab.locust("both", 2, 2, seconds)
        start, end = trial.measured[0] + 1, trial.measured[1] - 1
        sent, got = (
            trial.total(*what, start, end) / (end - start) for what in (("producer", "acked"), ("consumer", "received"))
        )
        guess[0] = min(sent, got)
        return {"produced": sent, "consumed": got, "both": guess[0], "lost": float(trial.facts["integrity"]["lost"])}

    def java() -> dict[str, float]:
        records, before = round(guess[0] * seconds), round(guess[0] * 2)
        properties = {"bootstrap.servers": lab.cluster.bootstrap, **JAVA}
        with lab.topic() as topic, ThreadPoolExecutor(1) as pool:
            sending = pool.submit(run, peers.producer_perf(lab.java, topic, records, before, properties), lab.folder)
            time.sleep(1.0)  # it has begun when the consumer's clock starts
            got = run(peers.consumer_perf(lab.java, lab.cluster.bootstrap, topic, records + before), lab.folder)
            sent, read = peers.read_producer_perf(sending.result().output), peers.read_consumer_perf(got.output)
        return {"produced": sent.rate, "consumed": read.fetch_rate, "both": min(sent.rate, read.fetch_rate)}

    rounds = lab.interleaved(pairs, {ours: loadkit, theirs: java})
    return Case(
        "both", "Producing and consuming 100 B at once, a process each",
        f"Flat out for {seconds:g} s after 2 s of warm-up. loadkit checks integrity and keeps every latency. `both`: "
        "the lower of the two rates. kafka-consumer-perf-test is started a second after kafka-producer-perf-test and "
        "its rate is that of fetching, so that neither start counts against them.", rounds,
        [
            Criterion(f"rate kept both ways, loadkit / {theirs}", _over(rounds, "both", theirs), floor=1.0),
            Criterion(f"rate produced, loadkit / {theirs}", _over(rounds, "produced", theirs)),
            Criterion(f"rate consumed, loadkit / {theirs}", _over(rounds, "consumed", theirs)),
        ],
    )  # fmt: skip


def contents(lab: Lab, pairs: int) -> Case:
    """Return what keys and payloads cost: zipf keys, and JSON of mixed sizes, against constant values of the mean."""
    warmup, seconds = lab.length(2), lab.length(6)

    def one(name: str) -> dict[str, float]:
        sets = ["--set", f"Flood.payload={CONTENTS[name]}"]
        sets += ["--set", "Flood.key=zipf(1000000, exponent=1.1)"] if name == "zipf keys" else []
        return flat_out(lab.loadkit("producing", warmup, seconds, *sets))

    rounds = lab.interleaved(pairs, {name: (lambda name=name: one(name)) for name in CONTENTS})  # type: ignore[misc]
    return Case(
        "contents", "What keys and payloads cost the generator",
        "Producing 256 B flat out: constant values without keys; the same with zipf keys out of a million; JSON of "
        f"log-normal sizes, 260 B in the mean. {warmup:g} s of warm-up, then {seconds:g} s.", rounds,
        [
            Criterion(f"CPU a message, {name} / constant", _over(rounds, "cpu", "constant", name), "", "<=", floor=1.5)
            for name in ("zipf keys", "mixed JSON")
        ],
    )  # fmt: skip


def scaling(lab: Lab, pairs: int) -> Case:
    """Return the rate of one, two and four load processes on the simulated sink."""
    seconds = lab.length(6)

    def rate(processes: int) -> dict[str, float]:
        trial = lab.locust("sink", processes, 2, seconds, target="simulated")
        start, end = trial.measured[0] + 1, trial.measured[1] - 1
        acked = trial.total("producer", "acked", start, end) / (end - start)
        return {"rate": acked, "cores": trial.total("host", "cpu", start, end) / (end - start)}

    names = {n: f"{n} process{'es' * (n > 1)}" for n in PROCESSES}
    made = {name: (lambda n=n: rate(n)) for n, name in names.items()}  # type: ignore[misc]
    rounds = lab.interleaved(pairs, made)
    one = names[1]
    return Case(
        "scaling", "Load processes on the simulated sink",
        f"100 B, stamped and recorded, {seconds:g} s; nothing but the generator runs. `cores`: CPU seconds a second.",
        rounds,
        [
            *[Criterion(f"rate, {names[n]} / one", _over(rounds, "rate", one, names[n])) for n in PROCESSES[1:]],
            Criterion("rate a process", column(rounds, one, "rate"), "msg/s"),
        ],
    )  # fmt: skip


def sizes(lab: Lab, pairs: int) -> Case:
    """Return what one core of the generator makes, by message size."""
    warmup, seconds = lab.length(2), lab.length(6)

    def one(size: str) -> dict[str, float]:
        return flat_out(lab.loadkit("producing", warmup, seconds, "--set", f"Flood.payload.size={size}"))

    rounds = lab.interleaved(pairs, {size: (lambda size=size: one(size)) for size in SIZES})  # type: ignore[misc]
    return Case(
        "sizes", "What a core of the generator makes, by message size",
        "Producing flat out on the embedded Kafka, acks=all, idempotent, linger 5 ms, batch 64 KiB; a core is a second "
        f"of the client process's CPU. {warmup:g} s of warm-up, then {seconds:g} s.", rounds,
        [
            Criterion(f"{size} a core", tuple(1 / cpu for cpu in column(rounds, size, "cpu")), "msg/s")
            for size in SIZES
        ],
    )  # fmt: skip


def _over(
    rounds: Sequence[Mapping[str, Any]], figure: str, other: str, ours: str = "loadkit"
) -> tuple[float, ...]:  # fmt: skip
    return tuple(ratios(column(rounds, ours, figure), column(rounds, other, figure)))
