"""End-to-end times between load processes of different clocks, through a real Kafka."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from ahead import ahead
from locust_process import Ended, Locust, free_port, histograms, sets

pytestmark = pytest.mark.kafka

FLAGS = [
    "--headless",
    "--warmup",
    "2s",
    *sets("Checkout.rate=200/s", "Checkout.fixed_count=2", "Billing.fixed_count=2"),
]
CLOCKS = ("offset=30s,drift=100ppm", "offset=-30s,drift=-100ppm")


@ahead
def apart(target: Path, folder: Path) -> Ended:
    """Return a run of two load processes whose clocks are a minute apart and drift from each other."""
    port = str(free_port())
    more = ["--target", str(target)]
    master = Locust(folder / "apart", "--master", "--expect-workers", "2", "--master-bind-port", port, *FLAGS, *more)
    workers = [
        Locust(folder / f"worker{at}", "--worker", "--master-port", port, *FLAGS[1:], *more, LOADKIT_CLOCK=text)
        for at, text in enumerate(CLOCKS)
    ]
    try:
        master.until_measuring(5)
        master.group(signal.SIGINT)
        return master.ended().in_order()
    finally:
        for locust in (master, *workers):
            locust.kill()


def test_messages_between_hosts_arrive_when_they_did(apart: Ended) -> None:
    """A minute apart, yet no message is received before it was due by more than the bound, nor a minute late."""
    bounds = [0.0]
    early = 0
    for row in map(json.loads, (apart.out / "series.jsonl").read_text().splitlines()):
        if row["kind"] == "clock" and row["phase"] in ("measure", "drain"):
            bounds.append(row["bound_ns"] / 1e9)
        if row["kind"] == "consumer" and row["phase"] == "measure":
            early += row.get("negative", 0)
    end_to_end = histograms(apart.out)["Billing.end_to_end"]
    assert end_to_end.get_value_at_percentile(50) < 10_000_000
    assert early < 0.5 * end_to_end.get_total_count()
    assert 0 < apart.result["metrics"]["clock.bound"] <= 2 * max(bounds)


def test_nothing_is_lost_doubled_or_reordered_by_clocks(apart: Ended) -> None:
    """Accounts go by offsets and numbers, not by clocks."""
    checked = apart.result["integrity"]
    for fault in ("lost", "duplicated", "reordered", "unread", "unconfirmed"):
        assert checked[fault] == 0, checked
    assert {row["acked"] for row in checked["partitions"]} != {0}
