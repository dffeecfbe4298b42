"""What `loadkit run` reports through a proxy that stalls, beside the proxy's record: a coarse slice of `trust.stalls`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ahead import ahead
from running import STEADY, Ended, run, target_file, untouched

from loadkit.targets.embedded import EmbeddedCluster
from trust.proxy.behaviour import Behaviour
from trust.stalls import measure, world
from trust.stalls.cases import Case
from trust.stalls.truth import Truth, compared, of

pytestmark = pytest.mark.kafka

STALLED = Case("slice", "stalls of 0.7 s", Behaviour(stalls=((1.0, 1.7), (2.2, 2.9)), after=1000))
"""After the second of warm-up; the measured phase begins within the next."""
SLACK = 0.1
"""Seconds by which a client that shares its cores with other tests may be late to see a response."""


@ahead
def proxied(kafka1: EmbeddedCluster, folder: Path) -> tuple[Ended, Truth]:
    """Return a run through the proxy, and the truth of the messages of its measured phase."""
    with world.through(kafka1, STALLED, folder / "log") as way:
        target = target_file(folder, kafka1, (kafka1.bootstrap, way.bootstrap))
        ended = run(STEADY, target, folder / "run", "--warmup", "1s", "--duration", "4s", "--keep-topics").ok()
    stored = world.stored(kafka1, ended.result["target"]["topics"]["ticks"]["name"])
    return ended, measure.measured(of(way.seen, stored, stored.intended_ns()), ended.result, way.seen)


def test_percentiles_are_those_of_the_record_of_a_proxy_that_stalls(proxied: tuple[Ended, Truth]) -> None:
    """A third of the messages waits for the end of a stall; every one of them is in the record, by its offset.

    No percentile is below the record's (a clock is read after the response was written, so by a little), and none above
    it by more than 2 % and what a busy machine takes to see a response.
    """
    ended, true = proxied
    untouched(ended)
    assert len(true) == ended.result["totals"]["Clock"]["acked"] == 4000
    assert (true.acked > 0).all()
    assert (true.got > 0).all()
    rows: list[dict[str, Any]] = compared(true, ended.metrics)
    assert {row["quantile"] for row in rows} == {"p50", "p90", "p99", "max"}
    for row in rows:
        assert 0.998 * row["truth"] - 0.002 <= row["reported"] <= 1.02 * row["truth"] + SLACK, row
        if row["quantile"] in ("p90", "p99"):
            assert row["truth"] > 0.2, row
