"""One contestant, once: loadkit as its users run it, and Kafka's own tool with the same load."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench import peers
from bench.draining import MESSAGES, drain, full_topic
from bench.lab import JAVA, Lab, Trial
from bench.process import Ran, run
from trust.peers.cells import ECHOES, LOADKIT, PEERS, WARMUP, Cell

BUFFER_KIB = 32_768
"""Of both clients: what kafka-producer-perf-test has by default."""
ECHO_RATE = 200
_LATE = 0.3
"""Seconds between the last message and the end of a JVM, about."""
Figures = dict[str, float | None]
Contest = Mapping[str, Callable[[], Figures]]


def contest(lab: Lab, cell: Cell) -> Contest:
    """Return both contestants of a comparison."""
    made = {"flat": producing, "rate": producing, "echo": echoing, "drain": draining}[cell.mode]
    ours, theirs = made(lab, cell)
    return {LOADKIT: ours, PEERS[cell.mode]: theirs}


def producing(lab: Lab, cell: Cell) -> tuple[Callable[[], Figures], Callable[[], Figures]]:
    """Return producers of one topic: six partitions, acks=all, idempotent, linger 5 ms, batches of 64 KiB."""
    seconds, guess = lab.length(cell.seconds), [float(cell.rate or 40_000_000 // cell.size)]
    warmup = lab.length(WARMUP)

    def loadkit() -> Figures:
        sets = [f"Flood.payload.size={cell.size}B", f"Flood.config.queue.buffering.max.kbytes={BUFFER_KIB}"]
        sets += [f"Flood.rate={cell.rate}/s"] if cell.rate else []
        trial = lab.loadkit("producing", warmup, seconds, *_flags(sets), watch=True)
        start, end = trial.measured
        rate = trial.total("producer", "acked", start, end) / (end - start)
        begun = float(trial.facts["started_epoch"])
        if not cell.rate:
            guess[0] = rate
        cost = {"rate": rate, "cpu": trial.ran.cores(begun + start, begun + end) / rate}
        return {**cost, **times(trial)} if cell.rate else cost

    def java() -> Figures:
        records, before = round(guess[0] * seconds), round(guess[0] * warmup)
        properties = {"bootstrap.servers": lab.cluster.bootstrap, **JAVA, "buffer.memory": str(BUFFER_KIB << 10)}
        with lab.topic() as topic:
            command = peers.producer_perf(lab.java, topic, records, before, properties, cell.size, cell.rate or -1)
            ran = run(command, lab.folder, watch=True)
        got = peers.read_producer_perf(ran.output)
        cost = {"rate": got.rate, "cpu": busy(ran, got.records / got.rate) / got.rate}
        return {**cost, "p50": got.p50 / 1e3, "p99": got.p99 / 1e3, "p99.9": got.p999 / 1e3} if cell.rate else cost

    return loadkit, java


def times(trial: Trial) -> Figures:
    """Return quantiles (s) as perf-test counts them, from handing over, and from when each message was due."""
    like = {name: trial.metrics.get(f"service_time.{name}") for name in ("p50", "p99", "p99.9")}
    return like | {f"due.{name}": trial.metrics.get(f"latency.{name}") for name in like}


def busy(ran: Ran, seconds: float) -> float:
    """Return the cores that a tool took in its last seconds, which are those that its summary is of."""
    end = ran.watched[-1][0] - _LATE
    return ran.cores(end - seconds, end)


def echoing(lab: Lab, cell: Cell) -> tuple[Callable[[], Figures], Callable[[], Figures]]:
    """Return senders and receivers of single messages, linger 0, one partition."""

    def loadkit() -> Figures:
        sets = (f"Caller.rate={ECHO_RATE}/s", f"Caller.payload.size={cell.size}B")
        trial = lab.loadkit("echo", lab.length(WARMUP), ECHOES / ECHO_RATE, *_flags(sets))
        return {name: trial.metrics.get(f"end_to_end.{name}") for name in ("p50", "p99")}

    def java() -> Figures:
        with lab.topic(1) as topic:
            ran = run(peers.echo(lab.java, lab.cluster.bootstrap, topic, ECHOES, cell.size), lab.folder)
        got = peers.read_echo(ran.output)
        return {"p50": got.p50 / 1e3, "p99": got.p99 / 1e3, "mean": got.mean / 1e3}

    return loadkit, java


def draining(lab: Lab, cell: Cell) -> tuple[Callable[[], Figures], Callable[[], Figures]]:
    """Return consumers of a full topic of six partitions."""

    def loadkit() -> Figures:
        found = drain(lab)
        return {name: found[name] for name in ("rate", "cpu", "messages", "lost")}

    def java() -> Figures:
        with full_topic(lab) as topic:
            ran = run(peers.consumer_perf(lab.java, lab.cluster.bootstrap, topic, MESSAGES), lab.folder)
        got = peers.read_consumer_perf(ran.output)
        return {"rate": got.fetch_rate, "messages": got.records}

    return loadkit, java


def _flags(sets: list[str] | tuple[str, ...]) -> list[str]:
    return [word for one in sets for word in ("--set", one)]
