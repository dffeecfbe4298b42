"""Plain Locust against a real Kafka: what several processes say together is what the log holds."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from ahead import ahead
from locust_process import Ended, Locust, alive, csv_counts, measured, processes, recorded, scheduled, sets, wait

pytestmark = pytest.mark.kafka

LOW = ["--headless", "--warmup", "2s", *sets("Checkout.rate=500/s")]


@ahead
def two(target: Path, folder: Path) -> Ended:
    """Return the orders scenario by two forked processes, ended by Ctrl-C."""
    more = ["--target", str(target), "--csv", str(folder / "two"), *processes(2)]
    locust = Locust(folder / "two", *LOW, *more).until_measuring(5)
    locust.group(signal.SIGINT)
    return locust.ended().in_order()


def test_nothing_is_lost_doubled_or_reordered_across_processes(two: Ended) -> None:
    """Producers and consumers in both processes: their accounts add up to one verdict on every partition."""
    checked = two.result["integrity"]
    for fault in ("lost", "duplicated", "reordered", "unread", "unconfirmed"):
        assert checked[fault] == 0, checked
    acked = sum(row["acked"] for row in checked["partitions"])
    received = sum(row["received"] for row in checked["partitions"])
    assert acked == received == recorded(two.out)["Checkout.latency"] > 0


def test_two_processes_sent_the_class_schedule(two: Ended) -> None:
    """Due = sent = acked = the schedule of 500/s for as long as was measured, and Locust counted the same."""
    total = two.result["totals"]["Checkout"]
    assert total["due"] == total["sent"] == total["acked"], total
    assert total["due"] in scheduled(500, measured(two.result))
    counts, shown = recorded(two.out), csv_counts(two.out)
    assert shown["Checkout"] == counts["Checkout.latency"]
    assert shown["Billing"] == counts["Billing.end_to_end"]


def test_both_processes_worked(two: Ended) -> None:
    """Each class has users in both."""
    rows = [json.loads(line) for line in (two.out / "series.jsonl").read_text().splitlines()]
    hosts = {row["name"] for row in rows if row["kind"] == "host"}
    for role in ("Checkout", "Billing"):
        assert {row["name"].partition("@")[2] for row in rows if row["name"].startswith(f"{role}@")} == hosts
    assert len(hosts) == 2


def descendants(pid: int) -> dict[int, str]:
    """Return the processes below one: process id to the name of its program."""
    found: dict[int, str] = {}
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found[child] = Path(f"/proc/{child}/comm").read_text().strip()
            found |= descendants(child)
    return found


@ahead
def own(folder: Path) -> tuple[Ended, list[str]]:
    """Return a run with `--target embedded` ended by Ctrl-C, and what had run below it, of which nothing is left."""
    locust = Locust(folder / "own", *LOW, "--target", "embedded").until_measuring(3)
    below = descendants(locust.process.pid)
    locust.group(signal.SIGINT)
    ended = locust.ended()
    wait(lambda: not any(map(alive, below)), lambda: f"still alive: {below}", 20)
    return ended, list(below.values())


def test_the_embedded_kafka_ends_with_locust(own: tuple[Ended, list[str]]) -> None:
    """`--target embedded`: a JVM while it runs, none after Ctrl-C, and the result is complete."""
    ended, below = own
    assert "java" in below
    assert ended.in_order().result["status"] == "complete"
    assert ended.result["integrity"]["lost"] == ended.result["integrity"]["duplicated"] == 0
