"""Vendors' limits: every row has its source, and where sources differ the lower is used and both are seen."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources

import pytest
from sizing_fixture import needs

from loadkit.errors import UsageError
from loadkit.sizing import limits
from loadkit.sizing.facts import PLATFORMS
from loadkit.sizing.shapes import candidates


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_row_says_where_it_is_from(platform: str) -> None:
    """Source, date and confidence of each, and at least one limit that the code knows."""
    path = resources.files("loadkit.sizing.limits").joinpath(platform.replace("-", "_") + ".toml")
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["row"]
    assert rows
    for row in rows:
        assert len(row["source"]) > 10, row
        assert isinstance(row["verified_on"], date), row
        assert row["confidence"] in ("high", "medium", "low"), row
        assert row.keys() - set(limits.HEAD), row
    assert limits.sheet(platform).rows  # type: ignore[arg-type]


def test_of_two_sources_the_lower_is_used_and_both_are_seen() -> None:
    """Express brokers: two tables differ in partitions, and Confluent states two maxima."""
    large = limits.sheet("msk-express").of("m7g.4xlarge")["replicas"]
    assert large.value == 4000
    assert [other.value for other in large.conflicts] == [6000]
    units = limits.sheet("confluent-cloud").of("enterprise")["max_count"]
    assert (units.value, [other.value for other in units.conflicts]) == (10, [32])


def test_the_planner_may_know_better() -> None:
    """A limit of the account stands in place of the file's, in any unit."""
    mine = {"resource": "ingress", "value": "9MB/s", "source": "our contract", "shape": "kafka.m7g.large"}
    made = candidates(needs(platform__kind="msk-standard", platform__shapes=None, limits=[mine]), None)
    by_name = {one.name: one for one in made}
    assert by_name["m7g.large"].ceilings["ingress"].value.mid == 9e6
    assert by_name["m7g.large"].ceilings["ingress"].source == "our contract"
    assert by_name["m7g.xlarge"].ceilings["ingress"].value.mid == 14.4e6
    with pytest.raises(UsageError, match=r"no resource 'ingres' \(did you mean 'ingress'\?\)"):
        candidates(needs(limits=[{**mine, "resource": "ingres"}]), None)
    with pytest.raises(UsageError, match="limits: ingress: '9 apples'"):
        candidates(needs(limits=[{**mine, "shape": "*", "value": "9 apples"}]), None)


def test_a_size_that_is_not_sold_is_told_the_nearest() -> None:
    """With the sizes there are."""
    with pytest.raises(
        UsageError, match=r"platform.sizes\[0\]: msk-standard has no 'm7g.lerge' \(did you mean 'm7g.large'"
    ):
        candidates(needs(platform__kind="msk-standard", platform__shapes=None, platform__sizes=["m7g.lerge"]), None)
