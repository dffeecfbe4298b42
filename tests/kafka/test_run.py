"""`loadkit run` against a real Kafka: what it says is what the log holds."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from ahead import ahead
from running import (
    ORDERS,
    Ended,
    create,
    delete,
    fill,
    grown,
    read,
    run,
    sets,
    stamped,
    sums,
    topic_names,
    untouched,
)

from loadkit.targets import embedded, jars
from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka

LOW = sets("Checkout.rate=1k/s")
"""The machine is shared: these tests are about truth, which a low rate tells as well."""


@ahead
def orders(target: Path, folder: Path) -> Ended:
    """Return one run of the orders scenario with several settings changed, its topic kept."""
    changes = sets("Checkout.rate=1500/s", "orders.partitions=5", "linger.ms=7", "Checkout.payload.size=600B")
    return run(ORDERS, target, folder / "orders", "--duration", "6s", "--warmup", "2s", "--keep-topics", *changes).ok()


def real_name(ended: Ended, topic: str) -> str:
    """Return what a run called a topic on the cluster."""
    return ended.result["target"]["topics"][topic]["name"]  # type: ignore[no-any-return]


def test_what_was_due_was_sent_confirmed_and_received_once(orders: Ended) -> None:
    """Six seconds of 1,500/s are 9,000 messages on every count; nothing is lost, doubled or out of order."""
    assert orders.document["status"] == orders.result["status"] == "complete"
    assert sums(orders, "Checkout") == {
        "due": 9000, "sent": 9000, "acked": 9000, "errors": 0, "unsent": 0, "unacked": 0, "aborted": 0
    }  # fmt: skip
    untouched(orders)
    assert {name: orders.metrics[name] for name in ("lost", "duplicated", "reordered", "unsent", "errors")} == {
        "lost": 0, "duplicated": 0, "reordered": 0, "unsent": 0, "errors": 0
    }  # fmt: skip
    assert orders.metrics["offered"] == 1500
    received = sum(
        row["received"]
        for row in orders.rows
        if row["kind"] == "consumer" and row["phase"] == "measure" and "received" in row
    )
    assert received == 9000


def test_the_log_grew_by_exactly_what_was_sent(orders: Ended, kafka1: EmbeddedCluster) -> None:
    """Offsets of the topic, what the accounts say, and what stands in the series agree, warm-up included."""
    accounted = sum(row["acked"] for row in orders.result["integrity"]["partitions"])
    by_second = sum(row.get("acked", 0) for row in orders.rows if row["kind"] == "partition")
    primed = 4 * 5
    assert grown(kafka1, real_name(orders, "orders")) == accounted
    assert by_second in (accounted, accounted - primed)


def test_the_settings_that_were_asked_for_are_in_force(orders: Ended, kafka1: EmbeddedCluster) -> None:
    """Partitions, linger and sizes: in the result, and on the cluster."""
    facts = orders.result
    assert facts["classes"]["Checkout"]["config"]["linger.ms"] == "7"
    assert facts["classes"]["Checkout"]["config"]["acks"] in ("all", "-1")
    assert facts["classes"]["Checkout"]["config"]["enable.idempotence"] == "true"
    assert facts["classes"]["Billing"]["config"]["enable.auto.commit"] == "true"
    assert facts["target"]["topics"]["orders"]["partitions"] == 5
    assert facts["target"]["topics"]["orders"]["config"]["retention.ms"] == "3600000"
    messages = read(kafka1, real_name(orders, "orders"))
    assert {message.partition() for message in messages} == set(range(5))
    assert {len(message.value()) for message in messages} == {600}
    assert all(json.loads(message.value()) for message in messages[::100])


def test_the_result_says_what_was_tested_and_where(orders: Ended) -> None:
    """Version of cluster and client, and that the brokers ran on the generator's own machine."""
    target = orders.result["target"]
    assert target["cluster"]["version"].startswith("4.3")
    assert target["librdkafka"].count(".") == target["confluent_kafka"].count(".") == 2
    assert (target["kind"], target["co_located"]) == ("external", True)
    assert "co_located" in {warning["code"] for warning in orders.document["warnings"]}
    page = (orders.out / "report.html").read_text()
    assert "shows the method, not your cluster" in page


def test_brokers_tell_what_they_did(orders: Ended) -> None:
    """Bytes, messages, requests and busy cores, from the counters of each broker's metrics page."""
    rows = [row for row in orders.rows if row["kind"] == "broker" and row["phase"] == "measure"]
    assert rows
    for name in ("bytes_in", "bytes_out", "messages_in", "requests_produce", "requests_fetch", "cpu"):
        assert sum(row.get(name, 0) for row in rows) > 0, name  # the first answer has no rates yet
    assert all(row.get("requests_replica", 0) == row.get("replicated_in", 0) == 0 for row in rows)  # there is one node


@pytest.mark.long
def test_javas_reader_of_hdr_logs_sees_the_same_percentiles(orders: Ended, tmp_path: Path) -> None:
    """HistogramLogProcessor's counts and percentiles of each series are those we print, to a bucket's width."""
    jar = jars.artifact("org.hdrhistogram:HdrHistogram:2.2.2")
    for series, tag, count in (("latency", "Checkout.latency", 9000), ("end_to_end", "Billing.end_to_end", 9000)):
        written = tmp_path / series
        command = [embedded.java_command()[0], "-cp", str(jar), "org.HdrHistogram.HistogramLogProcessor", "-csv"]
        command += [
            "-i",
            str(orders.out / "histograms.hlog"),
            "-tag",
            tag,
            "-o",
            str(written),
            "-outputValueUnitRatio",
            "1",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        last = list(csv.DictReader(line for line in written.read_text().splitlines() if not line.startswith("#")))[-1]
        assert int(last["Total_Count"]) == count
        for name in ("p50", "p90", "p99", "max"):
            theirs = float(last[f"Total_{name[1:]}%" if name != "max" else "Total_Max"])
            assert theirs == pytest.approx((orders.metrics[f"{series}.{name}"] or 0) * 1e6, rel=0.001, abs=1), (
                series,
                name,
            )


@ahead
def clocked(target: Path, folder: Path) -> Ended:
    """Return a run whose records have the broker's own clock."""
    extra = sets("orders.config.message.timestamp.type=LogAppendTime", "Checkout.fixed_count=2", "orders.partitions=3")
    return run(
        ORDERS, target, folder / "clock", *LOW, *extra, "--duration", "5s", "--warmup", "1s", "--keep-topics"
    ).ok()


def test_the_brokers_clock_lies_between_due_and_confirmed(clocked: Ended, kafka1: EmbeddedCluster) -> None:
    """Quantiles of (appended - due), from each record's own LogAppendTime, bound latency and end-to-end from below.

    They are not above latency, whose messages were confirmed after they were appended, by more than the broker's
    millisecond; and the count of records is the count of latencies.
    """
    facts = clocked.result
    measured = next(phase for phase in facts["phases"] if phase["name"] == "measure")
    offset = wall_minus_monotonic()
    begin = facts["started_epoch"] + measured["start"]
    stored = []
    for message in read(kafka1, real_name(clocked, "orders")):
        due = int(stamped(message)["intended"]) / 1e9 + offset
        if due >= begin - 0.0005:
            stored.append(message.timestamp()[1] / 1000 - due)
    assert len(stored) == sums(clocked, "Checkout")["acked"] == 5000
    stored.sort()
    for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        appended = stored[round(q * len(stored)) - 1]
        for series in ("latency", "end_to_end"):
            assert (clocked.metrics[f"{series}.{name}"] or 0) >= appended - 0.002, (series, name)
    assert stored[0] > -0.002


def wall_minus_monotonic() -> float:
    """Return what turns a monotonic instant of this machine into a wall clock."""
    import time

    return time.time() - time.monotonic()


def seeded(target: Path, out: Path, seed: int) -> Ended:
    """Return a run of 2,000 messages with a seed."""
    count = ("--messages", "2000", "--warmup", "0s", "--keep-topics")
    return run(ORDERS, target, out, *LOW, *count, *sets(f"seed={seed}", "Checkout.fixed_count=1")).ok()


@ahead
def seven(target: Path, folder: Path) -> Ended:
    """Return a run with the seed 7."""
    return seeded(target, folder / "seven", 7)


@ahead
def seven_again(target: Path, folder: Path) -> Ended:
    """Return another one."""
    return seeded(target, folder / "seven-again", 7)


@ahead
def eight(target: Path, folder: Path) -> Ended:
    """Return one with another seed."""
    return seeded(target, folder / "eight", 8)


def test_a_count_of_messages_is_kept_to_and_a_seed_makes_the_same_again(
    seven: Ended, seven_again: Ended, eight: Ended, kafka1: EmbeddedCluster
) -> None:
    """Twice 2,000 messages, one seed: the same keys and values in number order but for the stamps; another seed differs."""
    contents = []
    for ended in (seven, seven_again, eight):
        assert sums(ended, "Checkout")["sent"] == sums(ended, "Checkout")["acked"] == 2000
        untouched(ended)
        contents.append(measured_messages(kafka1, ended))
        assert len(contents[-1]) == 2000
    assert contents[0] == contents[1]
    same = sum(one == other for one, other in zip(contents[0], contents[2], strict=True))
    assert same < 20


def measured_messages(cluster: EmbeddedCluster, ended: Ended) -> list[tuple[bytes, bytes]]:
    """Return key and value without its stamp of the scheduled messages, by number."""
    found = {int(stamped(m)["seq"]): (m.key(), m.value()[60:]) for m in read(cluster, real_name(ended, "orders"))}
    return [found[number] for number in sorted(found)[12:]]  # the first ones opened the topic's 12 partitions


@ahead
def pair(target: Path, folder: Path) -> Ended:
    """Return a run of two classes of different rates with a count of messages."""
    return run("tests/kafka/scenarios/pair.py", target, folder / "pair", "--messages", "5000", "--warmup", "1s").ok()


def test_a_count_is_kept_to_by_poisson_arrivals_and_two_classes(pair: Ended) -> None:
    """5,000 messages over two classes of different rates: exactly 5,000 are due, sent and received."""
    totals = pair.result["totals"]
    assert totals["Left"]["sent"] + totals["Right"]["sent"] == 5000
    assert 0 < totals["Right"]["sent"] < totals["Left"]["sent"]
    untouched(pair)


@ahead
def replicated(three: Path, folder: Path) -> Ended:
    """Return a run on three nodes."""
    return run(ORDERS, three, folder / "orders3", *LOW, "--duration", "4s", "--warmup", "1s").ok()


def test_three_nodes_get_three_replicas(replicated: Ended) -> None:
    """RF 3 and min.insync.replicas 2 as the target says; whole and in order."""
    untouched(replicated)
    topic = replicated.result["target"]["topics"]["orders"]
    assert (topic["replication_factor"], topic["config"]["min.insync.replicas"]) == (3, "2")
    assert replicated.result["target"]["cluster"]["brokers"] == 3


def test_an_external_cluster_is_left_as_it_was(
    alone: None, kafka1: EmbeddedCluster, target: Path, tmp_path: Path
) -> None:
    """A team's topic of the scenario's own name is neither read nor touched, and the run's topics are gone after it."""
    before = topic_names(kafka1)
    create(kafka1, "orders")
    try:
        fill(kafka1, "orders", [b"ours"] * 10)
        ended = run(ORDERS, target, tmp_path / "left", *LOW, "--duration", "2s", "--warmup", "0s").ok()
        untouched(ended)
        assert real_name(ended, "orders").startswith("loadkit.")
        assert [message.value() for message in read(kafka1, "orders")] == [b"ours"] * 10
        assert topic_names(kafka1) == before | {"orders"}
    finally:
        delete(kafka1, "orders")
