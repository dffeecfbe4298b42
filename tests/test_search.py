"""The search as a state machine, against clusters that are one line of arithmetic."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.sweep.judgement import GUARD, Judged
from loadkit.sweep.search import HOLDS, MOST_TRIALS, OVER, TOLERANCE, Answer, Search, Step

EDGE = 1000.0
Cluster = Callable[[Step, int], Judged]


def judged(distance: float, **more: bool) -> Judged:
    """Return what a trial at a distance from its bound is judged."""
    verdict = "pass" if distance < -GUARD else "fail" if distance > GUARD else "unknown"
    return Judged(verdict, distance, **more)  # type: ignore[arg-type]


GENERATOR = Judged("unknown", math.nan, failing="generator", generator=True)


@dataclass
class Run:
    """A search that ended."""

    answer: Answer
    steps: list[Step] = field(default_factory=list)

    def rates(self, *kinds: str) -> list[float]:
        """Return the rates of the steps of some kinds."""
        return [step.rate for step in self.steps if step.kind in kinds]


def run(cluster: Cluster, start: float, most: float = math.inf) -> Run:
    """Return the whole search on a cluster."""
    search, steps = Search(start, most), list[Step]()
    while step := search.step:
        steps.append(step)
        search.take(cluster(step, len(steps)))
    assert search.answer
    return Run(search.answer, steps)


def steep(step: Step, _: int) -> Judged:
    """A cluster whose latency rises with the fifth power of the rate, its bound at the edge."""
    return judged(5 * math.log(step.rate / EDGE), sustained=step.rate < 1.2 * EDGE)


@pytest.mark.parametrize("start", [1.0, 30.0, 999.0, 1001.0, 8000.0, 100_000.0])
def test_the_edge_is_found_from_anywhere(start: float) -> None:
    """The answer is at most a bracket below the edge, and never above it without noise."""
    found = run(steep, start)

    assert found.answer.outcome == "found"
    assert EDGE / (TOLERANCE + 0.03) < (found.answer.rate or 0) <= EDGE
    low, high = found.answer.interval
    assert low
    assert high
    assert low <= EDGE <= high


def test_the_answer_rests_on_three_holds_and_one_above_that_failed() -> None:
    """The last trials are the confirmation: three holds at the answer, then one 10 % above."""
    found = run(steep, 100.0)
    rate = found.answer.rate

    assert rate
    assert [(step.kind, step.rate) for step in found.steps[-4:]] == [
        *[("hold", rate)] * HOLDS, ("over", float(f"{OVER * rate:.4g}")),
    ]  # fmt: skip
    assert found.rates("hold") == [rate] * HOLDS


def test_the_ramp_is_geometric_and_bisection_ends_at_two_and_a_half_percent() -> None:
    """Rates double until one fails; then the bracket is halved on the logarithm until it is 2.5 % wide."""
    found = run(steep, 100.0)
    probes = found.rates("probe")

    assert probes[:5] == [100.0, 200.0, 400.0, 800.0, 1600.0]
    passed = max(rate for rate in probes if rate <= EDGE)
    failed = min(rate for rate in probes if rate > EDGE)
    assert failed / passed <= TOLERANCE
    assert len(set(probes)) <= 12


def test_low_rates_are_probed_though_the_start_was_high() -> None:
    """A search that came from above looks below its answer, and one that found a hole there reports it."""

    def hole(step: Step, number: int) -> Judged:
        return judged(1.0) if 50 < step.rate < 200 else steep(step, number)

    found = run(hole, 4000.0)

    assert len(found.rates("low")) == 2
    assert found.answer.rate
    assert found.answer.rate > 0.95 * EDGE
    assert all(low > 200 for low, _ in found.answer.regions)


def test_a_second_range_above_a_gap_is_found() -> None:
    """Rates pass up to 1,000 and again from 1,300 to 1,900: the answer is the end of the upper range."""

    def gap(step: Step, _: int) -> Judged:
        passes = step.rate <= 1000 or 1300 <= step.rate <= 1900
        return judged(-1.0 if passes else 1.0, sustained=passes)

    found = run(gap, 150.0)

    assert 1900 / 1.03 < (found.answer.rate or 0) <= 1900
    assert len(found.answer.regions) == 2


def test_rates_that_are_too_low_do_not_end_the_search() -> None:
    """Batches that wait for their linger at low rates fail there; the search goes up before it goes down."""

    def linger(step: Step, number: int) -> Judged:
        return judged(0.4, sustained=True) if step.rate < 300 else steep(step, number)

    found = run(linger, 20.0)

    assert 0.96 * EDGE < (found.answer.rate or 0) <= EDGE
    assert found.answer.regions[0][0] >= 300


def test_a_probe_near_the_edge_is_voted_on() -> None:
    """A rate within the guard band is tried three times, and the mean of the distances decides."""
    distances = {1: -0.04, 2: 0.03, 3: -0.02}

    def wavering(step: Step, number: int) -> Judged:
        return judged(distances.get(number, -1.0) if step.rate <= 100 else 1.0, sustained=step.rate <= 100)

    found = run(wavering, 100.0)

    assert found.rates("probe")[:4] == [100.0, 100.0, 100.0, 200.0]  # it passed, so the ramp went up


def test_a_probe_clear_of_the_edge_is_not_repeated() -> None:
    """Repetitions are spent near the edge alone."""
    found = run(lambda step, _: judged(-1.0 if step.rate <= EDGE else 1.0, sustained=step.rate <= EDGE), 100.0)

    assert set(Counter(found.rates("probe", "low")).values()) == {1}


def test_holds_that_fail_lower_the_bracket_and_then_leave_an_interval() -> None:
    """Probes that promise too much are corrected three times; then there is no answer, only an interval."""

    def optimistic(step: Step, number: int) -> Judged:
        edge = 0.5 * EDGE if step.kind == "hold" else EDGE
        return judged(5 * math.log(step.rate / edge), sustained=step.rate < 1.2 * edge)

    found = run(optimistic, 100.0)

    assert found.answer.outcome == "noisy"
    assert found.answer.rate is None
    assert len(set(found.rates("hold"))) == 4
    assert found.rates("hold") == sorted(found.rates("hold"), reverse=True)
    low, high = found.answer.interval
    assert (low or 0) < (high or 0)


def test_holds_that_fail_a_little_are_mended() -> None:
    """Holds that fail where probes passed cost one correction and end in an answer that holds keep."""

    def little(step: Step, _: int) -> Judged:
        edge = 0.97 * EDGE if step.kind in ("hold", "over") else EDGE
        return judged(20 * math.log(step.rate / edge), sustained=step.rate < 1.2 * edge)

    found = run(little, 100.0)

    assert found.answer.outcome == "found"
    assert 0.94 * EDGE < (found.answer.rate or 0) <= 0.97 * EDGE


def test_one_disturbed_hold_does_not_decide() -> None:
    """Of five holds the majority counts, as long as none misses grossly."""

    def disturbed(step: Step, number: int) -> Judged:
        first = step.kind == "hold" and number == disturbed.seen  # type: ignore[attr-defined]
        if step.kind == "hold" and disturbed.seen == 0:  # type: ignore[attr-defined]
            disturbed.seen, first = number, True  # type: ignore[attr-defined]
        return judged(0.2) if first else steep(step, number)

    disturbed.seen = 0  # type: ignore[attr-defined]
    found = run(disturbed, 100.0)

    assert found.answer.rate
    assert found.answer.rate > 0.96 * EDGE
    assert len(found.rates("hold")) == HOLDS + 1


def test_a_gross_miss_ends_a_hold_at_once() -> None:
    """A hold at three times its bound needs no vote."""

    def gross(step: Step, number: int) -> Judged:
        return judged(1.1) if step.kind == "hold" and step.rate > 0.96 * EDGE else steep(step, number)

    found = run(gross, 990.0)

    assert Counter(found.rates("hold"))[max(found.rates("hold"))] == 1


def test_a_hold_above_that_passes_raises_the_bracket() -> None:
    """Probes that were unlucky are corrected upwards: the search goes on above what held."""

    def pessimistic(step: Step, number: int) -> Judged:
        edge = 0.8 * EDGE if step.kind == "probe" and number < 12 else EDGE
        return judged(20 * math.log(step.rate / edge), sustained=step.rate < 1.2 * edge)

    found = run(pessimistic, 100.0)

    assert len(found.rates("over")) >= 2
    assert 0.95 * EDGE < (found.answer.rate or 0) <= EDGE


def test_a_generator_that_gives_out_first_is_a_lower_bound() -> None:
    """The rate is held, but nothing is claimed of what lies above."""
    found = run(lambda step, _: GENERATOR if step.rate > EDGE else judged(-1.0), 100.0)

    assert found.answer.outcome == "generator"
    assert EDGE / 1.03 < (found.answer.rate or 0) <= EDGE
    assert found.rates("over") == []
    assert len(found.rates("hold")) == HOLDS


def test_a_generator_that_falters_once_is_asked_again() -> None:
    """One trial in which the generator was late is outvoted by two in which it was not."""

    def faltering(step: Step, number: int) -> Judged:
        return GENERATOR if number == 3 else steep(step, number)

    found = run(faltering, 100.0)

    assert found.answer.outcome == "found"
    assert 0.95 * EDGE < (found.answer.rate or 0) <= EDGE


def test_no_rate_that_passes_is_an_answer_too() -> None:
    """The search gives up four thousand times below its start."""
    found = run(lambda step, _: judged(1.0, sustained=False), 1000.0)

    assert (found.answer.outcome, found.answer.rate) == ("none", None)
    assert min(found.rates("probe")) == pytest.approx(1000 / 4096, rel=1e-3)


def test_no_rate_above_what_is_permitted_is_tried() -> None:
    """The highest permitted rate is held and reported as a lower bound."""
    found = run(lambda step, _: judged(-1.0), 100.0, most=700.0)

    assert (found.answer.outcome, found.answer.rate) == ("permitted", 700.0)
    assert max(step.rate for step in found.steps) == 700.0
    assert found.answer.interval[1] is None


def test_what_can_not_be_told_is_not_repeated() -> None:
    """A metric that is withheld in one trial is withheld in the next as well."""
    found = run(lambda step, _: Judged("unknown", math.nan) if step.rate > EDGE else judged(-1.0), 100.0)

    assert Counter(found.rates("probe"))[1600.0] == 1


@given(
    start=st.floats(0.5, 1e6), edge=st.floats(1.0, 1e6), slope=st.floats(0.5, 40.0), noise=st.floats(0.0, 0.3),
    most=st.one_of(st.just(math.inf), st.floats(1.0, 1e6)), seed=st.integers(0, 1 << 30),
)  # fmt: skip
def test_every_search_ends_and_keeps_its_promises(
    start: float, edge: float, slope: float, noise: float, most: float, seed: int
) -> None:
    """Whatever the noise: no more trials than allowed, no rate above what is permitted, an answer that held."""
    rng = random.Random(seed)

    def noisy(step: Step, _: int) -> Judged:
        return judged(slope * math.log(step.rate / edge) + rng.gauss(0, noise), sustained=step.rate < 1.2 * edge)

    found = run(noisy, start, most)

    assert len(found.steps) <= MOST_TRIALS
    assert max(step.rate for step in found.steps) <= most * (1 + 1e-3)
    if found.answer.rate:
        assert Counter(found.rates("hold"))[found.answer.rate] >= HOLDS
        low, high = found.answer.interval
        assert low is not None
        assert low <= found.answer.rate
        assert high is None or high > found.answer.rate


@given(noise=st.floats(0.0, 0.2), seed=st.integers(0, 1 << 30))
def test_the_same_trials_give_the_same_search(noise: float, seed: int) -> None:
    """A search that is replayed from its trials takes the same steps: that is how it goes on after a kill."""
    rng = random.Random(seed)
    first, taken = Search(100.0), list[tuple[Step, Judged]]()
    while step := first.step:
        taken.append((step, judged(3 * math.log(step.rate / EDGE) + rng.gauss(0, noise), sustained=step.rate < 1200)))
        first.take(taken[-1][1])

    again = Search(100.0)
    for step, seen in taken:
        assert again.step == step
        again.take(seen)
    assert again.answer == first.answer
