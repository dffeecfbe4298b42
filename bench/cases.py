"""The cases: who runs against whom, how, and what loadkit must reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench import generator, hour, peers, secure
from bench.case import Case
from bench.draining import MESSAGES, drain, full_topic
from bench.figures import Criterion, differences, ratios
from bench.lab import FLAT_OUT, JAVA, Lab, column
from bench.process import run
from trust.proxy import record

US, MS = 1e6, 1e3


def producing(lab: Lab, pairs: int) -> Case:
    """Return the flat-out producers: loadkit, plain confluent-kafka, kafka-producer-perf-test."""
    warmup, seconds = lab.length(2), lab.length(8)
    guess = [700_000.0]

    def loadkit() -> dict[str, float]:
        trial = lab.loadkit("producing", warmup, seconds)
        start, end = trial.measured
        acked = trial.total("producer", "acked", start, end)
        return {
            "rate": acked / (end - start), "cpu": trial.metric("client.cpu_per_message"),
            "cpu_whole": trial.ran.cpu / trial.total("producer", "acked", 0, 1e9),
            "latency_p50": trial.metric("latency.p50"), "service_p50": trial.metric("service_time.p50"),
        }  # fmt: skip

    def plain() -> dict[str, float]:
        with lab.topic() as topic:
            config = lab.config("producer", **FLAT_OUT)
            got, ran = lab.plain("flat_out", config=config, topic=topic, warmup=warmup, seconds=seconds)
        guess[0] = got["rate"]
        return {"rate": got["rate"], "cpu": got["cpu_per_message"], "cpu_whole": ran.cpu / got["messages"]}

    def java() -> dict[str, float]:
        records, before = round(guess[0] * seconds), round(guess[0] * warmup)
        with lab.topic() as topic:
            properties = {"bootstrap.servers": lab.cluster.bootstrap, **JAVA}
            ran = run(peers.producer_perf(lab.java, topic, records, before, properties), lab.folder)
        got = peers.read_producer_perf(ran.output)
        return {"rate": got.rate, "cpu_whole": ran.cpu / (records + before)}

    rounds = lab.interleaved(
        pairs, {"loadkit": loadkit, "plain confluent-kafka": plain, "kafka-producer-perf-test": java}
    )
    ours, bare, perf = "loadkit", "plain confluent-kafka", "kafka-producer-perf-test"

    def over(other: str, figure: str) -> tuple[float, ...]:
        return tuple(ratios(column(rounds, ours, figure), column(rounds, other, figure)))

    return Case(
        "producing",
        "Producing 100 B flat out",
        f"acks=all, idempotent, linger 5 ms, batch 64 KiB, 6 partitions; {warmup:g} s of warm-up, then {seconds:g} s. "
        "loadkit stamps every payload and keeps every latency; the plain loop has an empty shared callback and keeps "
        "nothing. `rate`: confirmations served in the window; `cpu`: CPU of the client process in it, a message; "
        "`cpu_whole`: of the process from start to end, which is all that the JVM tells.",
        rounds,
        [
            Criterion(f"rate, loadkit / {bare}", over(bare, "rate"), floor=0.85, aim=0.95),
            Criterion(f"CPU a message, loadkit / {bare}", over(bare, "cpu"), sense="<="),
            Criterion(f"rate, loadkit / {perf}", over(perf, "rate"), floor=1.4, aim=1.8),
            Criterion(
                f"CPU a message of whole processes, loadkit / {perf}", over(perf, "cpu_whole"), "", "<=", 0.5, 0.37
            ),
        ],
    )


def consuming(lab: Lab, pairs: int) -> Case:
    """Return consumers draining a full topic: loadkit, plain confluent-kafka, kafka-consumer-perf-test."""
    with full_topic(lab) as topic:
        turn = iter(range(1000))

        def plain() -> dict[str, float]:
            config = {**lab.config("consumer"), "group.id": f"bench-{next(turn)}", "enable.auto.commit": "true"}
            got, ran = lab.plain("consume", config=config, topic=topic, messages=MESSAGES)
            return {"rate": got["rate"], "cpu": got["cpu_per_message"], "cpu_whole": ran.cpu / MESSAGES}

        def java() -> dict[str, float]:
            ran = run(peers.consumer_perf(lab.java, lab.cluster.bootstrap, topic, MESSAGES), lab.folder)
            got = peers.read_consumer_perf(ran.output)
            return {"rate": got.fetch_rate, "cpu_whole": ran.cpu / got.records}

        rounds = lab.interleaved(
            pairs,
            {"loadkit": lambda: drain(lab), "plain confluent-kafka": plain, "kafka-consumer-perf-test": java},
        )
    ours, bare, perf = "loadkit", "plain confluent-kafka", "kafka-consumer-perf-test"
    cpu, rate = column(rounds, ours, "cpu", US), column(rounds, ours, "rate")
    return Case(
        "consuming",
        "Consuming 100 B, end-to-end latency and integrity of every message",
        f"About {MESSAGES:,} messages wait. loadkit's process filled the topic itself while its consumer was paused; "
        "from then on only the consumer works. `cpu`: CPU of the process a message, idle polling and folding of the "
        "last second included (loadkit); from first message to last (plain, `consume(10000)` that only counts); "
        "`cpu_whole`: of the process from start to end. The rate is limited by fetching, so CPU is judged.",
        rounds,
        [
            Criterion("CPU a message, loadkit", cpu, "us", "<=", floor=0.75, aim=0.65),
            Criterion(
                f"CPU a message, loadkit / {bare}", tuple(ratios(cpu, column(rounds, bare, "cpu", US))), sense="<="
            ),
            Criterion(f"rate, loadkit / {bare}", tuple(ratios(rate, column(rounds, bare, "rate")))),
            Criterion(f"rate, loadkit / {perf}", tuple(ratios(rate, column(rounds, perf, "rate")))),
        ],
    )


def mixed(lab: Lab, pairs: int) -> Case:
    """Return how late messages leave at 50,000 a second with two producers and two consumers in one process."""
    seconds = lab.length(10)
    names = ("send_delay.p50", "send_delay.p99", "latency.p50", "latency.p99", "end_to_end.p50", "end_to_end.p99")

    def on(lane: str) -> dict[str, float]:
        sets = (word for name in ("Source", "Billing", "Audit") for word in ("--set", f"{name}.lane={lane}"))
        trial = lab.loadkit("mixed", lab.length(3), seconds, *sets)
        return {name: trial.metric(name) for name in (*names, "unsent", "lost", "client.cpu_per_message")}

    rounds = lab.interleaved(pairs, {"fast lane": lambda: on("fast"), "standard lane": lambda: on("standard")})

    def ratio(figure: str) -> tuple[float, ...]:
        return tuple(ratios(column(rounds, "fast lane", figure), column(rounds, "standard lane", figure)))

    return Case(
        "mixed", "Send delay at 50,000 messages a second",
        "Two producers share the rate, two consumers read all of it in groups of their own, all in one process; "
        f"{seconds:g} s. No peer reports its send delay.",
        rounds,
        [
            Criterion("send delay p50", column(rounds, "fast lane", "send_delay.p50", MS), "ms", "<=", 0.2, 0.12),
            Criterion("send delay p99", column(rounds, "fast lane", "send_delay.p99", MS), "ms", "<=", 1.0, 0.5),
            *[
                Criterion(f"{figure}, fast lane / standard lane", ratio(figure), "", "<=", floor=1.0)
                for figure in names[:4]
            ],
        ],
    )  # fmt: skip


def single(lab: Lab, pairs: int) -> Case:
    """Return the median latency at 1,000 messages a second beside one message at a time."""
    warmup, seconds = lab.length(2), lab.length(10)

    def loadkit() -> dict[str, float]:
        trial = lab.loadkit("single", warmup, seconds)
        return {
            "p50": trial.metric("latency.p50"),
            "p99": trial.metric("latency.p99"),
            "service_p50": trial.metric("service_time.p50"),
        }

    def plain() -> dict[str, float]:
        with lab.topic() as topic:
            config = lab.config("producer", **{"linger.ms": "0", "batch.size": "65536"})
            got, _ = lab.plain("one_at_a_time", config=config, topic=topic, rate=1000, warmup=warmup, seconds=seconds)
        return {name: got[name] for name in ("p50", "p99")}

    rounds = lab.interleaved(pairs, {"loadkit": loadkit, "one at a time": plain})
    ours, theirs = column(rounds, "loadkit", "p50", MS), column(rounds, "one at a time", "p50", MS)
    return Case(
        "single",
        "Median latency at 1,000 messages a second, linger 0",
        "The truth is one message at a time, 1,000 a second: produce, then poll without a pause until the callback.",
        rounds,
        [Criterion("difference of the medians", tuple(differences(ours, theirs)), "ms", "<=", floor=0.2)],
    )


def delayed(lab: Lab, pairs: int) -> Case:
    """Return the median latency beside what a proxy saw that holds each response back for 10 ms."""
    warmup, seconds, delay = lab.length(2), lab.length(20), 0.010

    def loadkit() -> dict[str, float]:
        with lab.proxy(delay) as (port, log):
            trial = lab.loadkit("delayed", warmup, seconds, target=lab.target_at(f"127.0.0.1:{port}"))
        start, end = (trial.facts["started_epoch"] + at for at in trial.measured)
        logged = record.read(log)
        seen = [one for one in logged.of("produce") if start <= logged.epoch(one.request_ns) < end]
        if len(seen) < 50 * (end - start):
            raise RuntimeError(f"the proxy saw only {len(seen)} produce requests: the client went around it")
        passed = median((one.response_ns - one.request_ns) / 1e9 for one in seen)
        return {"p50": trial.metric("latency.p50"), "proxy_p50": passed, "requests": len(seen)}

    rounds = lab.interleaved(pairs, {"loadkit": loadkit})
    ours, truth = column(rounds, "loadkit", "p50", MS), column(rounds, "loadkit", "proxy_p50", MS)
    return Case(
        "delayed", "Median latency against a proxy that logs the truth",
        "A TCP proxy in a process of its own passes requests on at once, holds each response back for 10 ms, and logs "
        "when a produce request had passed and when its response had left; 100 messages a second, linger 0, a request "
        f"each, {seconds:g} s.",
        rounds,
        [Criterion("difference from the proxy's median", tuple(differences(ours, truth)), "ms", "<=", floor=0.5)],
    )  # fmt: skip


CASES: dict[str, Callable[[Lab, int], Case]] = {
    "producing": producing, "consuming": consuming, "kib": generator.kib, "both": generator.both,
    "contents": generator.contents, "sizes": generator.sizes, "scaling": generator.scaling, "mixed": mixed,
    "single": single, "delayed": delayed, "tls": secure.tls, "page": hour.page,
}  # fmt: skip


def judged(cases: Sequence[Case]) -> list[str]:
    """Return the criteria whose floor is not met, by name."""
    return [f"{case.name}: {criterion.name}" for case in cases for criterion in case.criteria if criterion.met is False]
