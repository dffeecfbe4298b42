"""A delay that is known, on a real Kafka: the stage that made the p99 is named from what client and broker tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from ahead import ahead
from running import STEADY, Ended, run, sets

pytestmark = pytest.mark.kafka

LINGER = 0.5


@ahead
def lingering(target: Path, folder: Path) -> Ended:
    """Return a run whose messages wait half a second for their batch."""
    flags = (*sets(f"linger.ms={LINGER * 1e3:.0f}"), "--duration", "5s", "--warmup", "1s")
    return run(STEADY, target, folder / "lingering", *flags).ok()


def test_messages_that_linger_are_named_and_so_is_the_setting(lingering: Ended) -> None:
    """Half a second in the client's queue is most of the p99, and librdkafka's own p99 of it is not 0 (its range is 100 ms)."""
    found = lingering.document["stages"]
    assert found["p99"] == "client queue", found
    assert "linger.ms" in found["text"]
    assert found["spent"]["client queue"] >= 0.9 * LINGER
    assert sum(found["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_the_broker_told_where_the_time_of_requests_went(lingering: Ended) -> None:
    """Parts of a request's time, rounded to whole milliseconds each, sum to the whole within two a request."""
    rows = [row for row in lingering.rows if row["kind"] == "broker" and row.get("produce_count")]
    assert rows
    for row in rows:
        parts = sum(row[f"produce_{part}_sum"] for part in ("queue", "local", "remote", "response"))
        assert parts == pytest.approx(row["produce_sum"], abs=0.003 * row["produce_count"]), row
    assert not [why for why in lingering.document["stages"]["because"] if "not observed" in why]
    assert lingering.metrics["partition.skew"] == 1
