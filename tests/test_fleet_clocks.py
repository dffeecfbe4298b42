"""Load processes whose clocks are skewed and drift, as if they were on other hosts, under a real Locust."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead
from locust_process import Ended, Locust, free_port, histograms, measured, scheduled, sets

from loadkit import clock
from loadkit.errors import UsageError

RATE = 400
LOW = ["--target", "simulated?sink=1&network=100ms", "--warmup", "2s", *sets(f"Checkout.rate={RATE}/s")]
SKEWED = "offset=-7s,drift=300ppm"


@ahead
def skewed(folder: Path) -> Ended:
    """Return a run of two load processes: one on the master's clock, one on a skewed clock that drifts."""
    port = str(free_port())
    flags = ["--headless", "--master", "--expect-workers", "2", "--master-bind-port", port]
    master = Locust(folder / "skewed", *flags, *LOW)
    near = Locust(folder / "near", "--worker", "--master-port", port, *LOW)
    far = Locust(folder / "far", "--worker", "--master-port", port, *LOW, LOADKIT_CLOCK=SKEWED)
    try:
        master.until_measuring()
        time.sleep(6)
        master.group(signal.SIGINT)
        return master.ended().in_order()
    finally:
        for locust in (master, near, far):
            locust.kill()


def rows(ended: Ended, kind: str) -> list[dict[str, Any]]:
    """Return the rows of one kind."""
    found = [json.loads(line) for line in (ended.out / "series.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == kind]


def test_the_bound_holds_the_injected_truth_in_every_row(skewed: Ended) -> None:
    """What a skewed process's clock read, and the master's clock at that instant: known to the nanosecond here."""
    told = rows(skewed, "clock")
    offset, drift = clock.skewed(SKEWED)
    assert len({row["name"] for row in told}) == 1  # the process on the master's own clock has nothing to tell
    assert len({row["t"] for row in told if row["phase"] == "measure"}) >= 5
    for row in told:
        true = (row["at_ns"] - offset) * 10**9 // (10**9 + drift)
        assert abs(row["at_ns"] + row["offset_ns"] - true) <= row["bound_ns"]
        assert row["injected"] == SKEWED
        assert not row["breaks"]


def test_a_skewed_process_sends_the_schedule_and_its_times_are_its_own(skewed: Ended) -> None:
    """Nothing is due early, late or twice; seconds agree with the master's; no time of one process knows of the skew."""
    total = skewed.result["totals"]["Checkout"]
    assert total["due"] == total["sent"] == total["acked"], total
    assert total["due"] in scheduled(RATE, measured(skewed.result))
    for row in rows(skewed, "producer"):
        assert not row.get("negative")
    whole = histograms(skewed.out)
    for series in ("Checkout.latency", "Checkout.service_time", "Billing.end_to_end"):
        assert whole[series].get_min_value() > 50_000
        assert whole[series].get_max_value() < 5_000_000


def test_end_to_end_is_good_to_what_the_clock_was_known_to(skewed: Ended) -> None:
    """The bound stands beside it; it is withheld just where the bound is more than a tenth of the median."""
    metrics, withheld = skewed.result["metrics"], skewed.result["withheld"]
    worst = max(row["bound_ns"] for row in rows(skewed, "clock") if row["phase"] in ("measure", "drain"))
    assert metrics["clock.bound"] == worst / 1e9 > 0
    median = histograms(skewed.out)["Billing.end_to_end"].get_value_at_percentile(50) / 1e6
    assert (metrics["end_to_end.p50"] is None) == (worst / 1e9 > 0.1 * median)
    assert metrics["end_to_end.p50"] is not None or "clocks are known to" in withheld["end_to_end.p50"]


@pytest.mark.parametrize("text", ["offset=5", "drift=3", "drift=xppm", "offset=", "step=3s"])
def test_a_wrong_injected_clock_is_refused(text: str) -> None:
    """With the form that is right."""
    with pytest.raises(UsageError, match="is not offset=DURATION or drift=NUMBERppm"):
        clock.skewed(text)
