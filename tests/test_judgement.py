"""When a trial passes: the guard band, what must hold besides the objectives, and what a short trial can tell."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.slo import Objective
from loadkit.sweep.judgement import CLEAR, GUARD, SUSTAINED, judge, messages_needed, untellable
from loadkit.sweep.observation import Observation, growth, kept

FAST = Objective.parse("latency.p99 < 20ms")
SOUND = Observation(
    1000.0, {"latency.p99": 0.010, "latency.max": 0.030, "throughput": 1000.0, "errors": 0.0, "lost": 0.0},
    achieved=1.0, lag_growth=0.0, limit="none",
)  # fmt: skip


def at(value: float | None, name: str = "latency.p99", **more: float | None) -> Observation:
    """Return a sound trial in which one metric has a value."""
    return replace(SOUND, metrics={**SOUND.metrics, name: value, **more})


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.0189, "pass"), (0.0195, "unknown"), (0.0205, "unknown"), (0.0212, "fail")],
)
def test_a_guard_band_lies_on_either_side_of_a_bound(value: float, verdict: str) -> None:
    """What lies within 5 % of a bound decides nothing by itself."""
    made = judge(at(value), [FAST])

    assert made.verdict == verdict
    assert made.distance == pytest.approx(math.log(value / 0.020))


@pytest.mark.parametrize(("value", "verdict"), [(900.0, "fail"), (990.0, "unknown"), (1100.0, "pass")])
def test_a_lower_bound_counts_the_other_way(value: float, verdict: str) -> None:
    """`throughput > 1000/s` fails below."""
    assert judge(at(value, "throughput"), [Objective.parse("throughput > 1k/s")]).verdict == verdict


def test_the_worst_criterion_is_named_first() -> None:
    """Two objectives that fail: the one that fails by more leads, and both are told."""
    mild = Objective.parse("latency.p50 < 9ms")
    made = judge(at(0.080, **{"latency.p50": 0.010}), [mild, FAST])

    assert made.failing == FAST.text
    assert ["latency.p99" in made.reasons[0], "latency.p50" in made.reasons[1]] == [True, True]


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"achieved": 1 - 1.5 * CLEAR}, "sustained"), ({"lag_growth": 1.5 * CLEAR}, "lag"),
        ({"under_replicated": 1.0}, "replicas"), ({"error": "the broker is gone"}, "trial"),
    ],
)  # fmt: skip
def test_what_no_sustained_load_may_have(change: dict[str, float], failing: str) -> None:
    """Growth of what waits or of lag, replicas out of sync and a trial that failed each fail by themselves."""
    made = judge(replace(SOUND, **change), [FAST])  # type: ignore[arg-type]

    assert (made.verdict, made.failing) == ("fail", failing)
    assert made.sustained == (failing == "replicas")


@pytest.mark.parametrize("name", ["errors", "lost"])
def test_one_message_that_failed_is_too_many(name: str) -> None:
    """Delivery errors and losses have no guard band."""
    assert judge(at(1.0, name), [FAST]).distance == math.inf


def test_growth_near_its_bound_is_voted_on() -> None:
    """Between half a percent and two the trial decides nothing."""
    assert judge(replace(SOUND, achieved=1 - 0.9 * SUSTAINED), [FAST]).verdict == "pass"
    assert judge(replace(SOUND, achieved=1 - 2 * SUSTAINED), [FAST]).verdict == "unknown"


def test_a_generator_that_was_the_limit_judges_nothing() -> None:
    """However good or bad the figures are."""
    for value in (0.010, 0.100):
        made = judge(replace(at(value), limit="generator", evidence=("shortfall", "generator: it was busy")), [FAST])
        assert (made.verdict, made.generator, made.reasons) == ("unknown", True, ("generator: it was busy",))


def test_an_objective_that_fails_by_the_generators_lateness_is_not_the_targets() -> None:
    """Half of the latency had passed before the message left, though too little to make the trial generator-limited."""
    late = at(0.024, **{"send_delay.p99": 0.013})

    assert judge(late, [FAST]).generator
    assert not judge(at(0.024, **{"send_delay.p99": 0.004}), [FAST]).generator
    assert not judge(replace(late, limit="cluster"), [FAST]).generator
    assert not judge(at(0.015, **{"send_delay.p99": 0.013}), [FAST]).generator


def test_a_withheld_quantile_is_settled_by_its_neighbours_or_left_open() -> None:
    """Nothing lies above the maximum and nothing below a lower quantile; between them a short trial cannot tell."""
    tail = Objective.parse("latency.p99.9 < 20ms")

    assert judge(at(None, "latency.p99.9", **{"latency.max": 0.015}), [tail]).verdict == "pass"
    assert judge(at(0.050, **{"latency.p99.9": None}), [tail]).verdict == "fail"
    open_one = judge(at(None, "latency.p99.9"), [tail])
    assert open_one.verdict == "unknown"
    assert math.isnan(open_one.distance)


def test_a_metric_that_no_trial_can_have_is_found_out() -> None:
    """A quantile of a series that exists takes more messages; one that does not exist takes another scenario."""
    assert untellable(FAST, at(None)) is None
    why = replace(SOUND, withheld={"commit.max": "no commit was timed"})
    assert untellable(Objective.parse("commit.p99 < 1s"), why) == "no commit was timed"


def test_quantiles_say_how_many_messages_they_need() -> None:
    """Ten values must lie beyond the highest quantile."""
    assert messages_needed([FAST, Objective.parse("Checkout.end_to_end.p99.9 < 1s")]) == pytest.approx(10_000)
    assert messages_needed([Objective.parse("errors == 0"), Objective.parse("latency.max < 1s")]) == 0


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40), st.floats(-100, 100))
def test_growth_adds_up(values: list[float], slope: float) -> None:
    """A series with a slope added grows by that slope more."""
    tilted = [value + slope * second for second, value in enumerate(values)]
    assert growth(tilted) == pytest.approx(growth(values) + slope, abs=1e-6)


def test_a_stall_in_the_last_second_is_no_growth() -> None:
    """One second of backlog at the end tilts a line of least squares, and not the median of all slopes."""
    assert growth([5.0] * 9 + [500.0]) == 0.0
    assert growth([100.0 * second for second in range(10)]) == 100.0


def test_a_share_is_kept_where_what_waits_does_not_grow() -> None:
    """A second of messages in flight is no shortfall; a tenth left behind each second is."""
    came = [100.0] * 10
    assert kept(came, [0.0] + [100.0] * 9) == 1.0
    assert kept(came, [90.0] * 10) == pytest.approx(0.9)
    assert kept([100.0], [100.0]) is None


def test_the_guard_band_is_stated() -> None:
    """Five percent."""
    assert GUARD == 0.05
