"""The seam between a plan and its files: what was measured says so."""

from __future__ import annotations

from facts_fixture import CHOSEN, facts

from loadkit.sizing.facts import PLATFORMS, Effect


def test_an_effect_is_measured_only_with_a_client_and_a_figure() -> None:
    """A figure without a client, or a client without a figure, is an assumption."""
    assert [one.measured for one in CHOSEN] == [True, True, False]
    assert not Effect("linger.ms", "5", "", 0.1, 0.2, 0.3).measured
    assert not Effect("linger.ms", "5", "", client="java 4.3.1").measured


def test_the_worked_example_is_one_of_the_platforms() -> None:
    """The platforms are those that target files know."""
    assert facts().platform in PLATFORMS
    assert facts(brokers=9).brokers == 9
