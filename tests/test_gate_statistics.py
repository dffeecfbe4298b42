"""The arithmetic of a gate: thresholds, order, looks, intervals, verdicts; and its error rates on made-up pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from loadkit import slo
from loadkit.errors import UsageError
from loadkit.gate import ladder, statistics
from loadkit.gate.differences import differences, unasked
from loadkit.gate.noise import noise
from loadkit.gate.order import SIDES, order, trial_seed
from loadkit.gate.record import Noise, Pair, Trial
from loadkit.gate.statistics import ALPHA, FEWEST, beyond, estimate, highest_sd, last_look, looks
from loadkit.gate.thresholds import parse, parse_all
from loadkit.gate.verdicts import Design, Judged, judge
from loadkit.report.gate import words


def pair(number: int, **metrics: tuple[float | None, float | None]) -> Pair:
    """Return a pair by metric: (baseline, candidate)."""
    named = {name.replace("__", "."): values for name, values in metrics.items()}
    one, other = ({name: values[side] for name, values in named.items()} for side in (0, 1))
    return Pair(Trial(number, "baseline", 0, "", one), Trial(number, "candidate", 1, "", other))


def of_ratios(ratios: np.ndarray) -> list[Pair]:
    """Return pairs whose p99 has these ratios."""
    return [pair(at, latency__p99=(1.0, float(ratio))) for at, ratio in enumerate(ratios)]


def run(design: Design, ratios: np.ndarray) -> Judged:
    """Return what a gate says that looks at its pairs when it may."""
    pairs = of_ratios(ratios)
    for n in [look.pairs for look in design.looks] or [len(pairs)]:
        judged = judge(design, pairs[:n])
        if judged.over:
            return judged
    raise AssertionError("the gate never ended")


@pytest.mark.parametrize(
    ("text", "bound", "relative", "upward"),
    [
        ("latency.p99 > +10%", 0.1, True, True),
        ("latency.p99>10%", 0.1, True, True),
        ("throughput < -5%", -0.05, True, False),
        ("Checkout.latency.p99.5 > +2.5 %", 0.025, True, True),
        ("latency.p99 > 50ms", 0.05, False, True),
        ("throughput < 45k/s", 45_000, False, False),
        ("lost > 0", 0.0, False, True),
    ],
)
def test_a_threshold_is_read(text: str, bound: float, relative: bool, upward: bool) -> None:
    found = parse(text)
    assert (found.bound, found.relative, found.upward) == (pytest.approx(bound), relative, upward)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latenzy.p99 > +10%", "did you mean 'latency.p99'"),
        ("latency.p99", "latency.p99 > +10%"),
        ("latency.p99 > -10%", "> +10%"),
        ("throughput < 5%", "< -5%"),
        ("latency.p99 == 5ms", "never equals"),
        ("throughput < -100%", "100 %"),
        ("max_rate < -5%", "loadkit max"),
        ("latency.p99 > 5 parsecs", "parsecs"),
    ],
)
def test_a_wrong_threshold_says_how_to_write_it(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_all([text])
    assert says in str(caught.value)


def test_a_gate_needs_a_threshold_and_none_twice() -> None:
    with pytest.raises(UsageError, match="needs a threshold"):
        parse_all([])
    with pytest.raises(UsageError, match="twice"):
        parse_all(["latency.p99 > +10%", "latency.p99 > +20%"])


def test_every_two_pairs_are_abba_or_baab_by_a_coin() -> None:
    blocks = [(order(seed, 2 * block), order(seed, 2 * block + 1)) for seed in range(20) for block in range(10)]
    assert all(one == other[::-1] and set(one) == set(SIDES) for one, other in blocks)
    heads = sum(one == SIDES for one, _ in blocks)
    assert 70 < heads < 130


def test_no_seed_is_used_twice() -> None:
    seeds = [trial_seed(seed, at, side) for seed in range(3) for at in range(40) for side in SIDES]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("most", [7, 8, 9, 13, 20, 40, 100])
def test_the_looks_spend_all_of_the_error_rate_and_no_more(most: int) -> None:
    found = looks(most)
    assert found[0].pairs == FEWEST
    assert found[-1].pairs == most
    assert 2 * sum(look.tail for look in found) == pytest.approx(ALPHA)
    assert sorted({look.pairs for look in found}) == [look.pairs for look in found]


def test_under_seven_pairs_there_is_no_look() -> None:
    assert looks(6) == ()


def test_a_gate_that_runs_out_of_time_has_what_is_left_to_spend() -> None:
    planned = looks(20)
    assert last_look(planned, 12).tail == pytest.approx(ALPHA / 2 - planned[0].tail - planned[1].tail)


def test_the_interval_is_students() -> None:
    values = [0.1, 0.12, 0.08, 0.11, 0.09, 0.13, 0.1]
    found = estimate(values, 0.005)
    low, high = stats.t.interval(0.99, 6, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.p(0.0, upward=True) == pytest.approx(stats.ttest_1samp(values, 0, alternative="greater").pvalue)


def test_from_ten_pairs_on_the_interval_is_yuens() -> None:
    """As by its formula, and within a hundredth of scipy's, which is Tukey and McLaughlin's; one far pair moves nothing."""
    values = np.random.default_rng(5).normal(0.1, 0.03, 20).tolist()
    found = estimate(values, 0.005)
    low, high = stats.mstats.trimmed_mean_ci(np.array(values), limits=(0.1, 0.1), alpha=0.01)
    squares = float(stats.mstats.winsorize(np.array(values), (0.1, 0.1)).var()) * 20
    half = stats.t.isf(0.005, 15) * math.sqrt(squares / (16 * 15))
    mean = stats.trim_mean(values, 0.1)
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half))
    assert high - low == pytest.approx(2 * half, rel=0.01)
    at = int(np.argmax(values))
    far = estimate([*values[:at], 5.0, *values[at + 1 :]], 0.005)
    assert (far.mean, far.sd) == (pytest.approx(found.mean), pytest.approx(found.sd))


def test_the_smallest_effect_is_told_with_its_power() -> None:
    """The promise, against the noncentral t distribution of scipy.stats."""
    nc = beyond(0.02, 20, 0.003) / 0.02 * math.sqrt(16)  # of 20 pairs 16 are left in the mean
    assert stats.nct.sf(stats.t.isf(0.003, 15), 15, nc) == pytest.approx(statistics.POWER, abs=1e-6)
    assert highest_sd(0.02, 20) == pytest.approx(0.02 * math.sqrt(15 / stats.chi2.ppf(statistics.UNSURE, 15)))


def test_a_far_pair_moves_no_verdict_but_makes_the_promise_larger() -> None:
    """What is left out of the mean still says that the machine is disturbed, and how badly."""
    values = np.random.default_rng(6).normal(0, 0.03, 20)
    far = values.copy()
    far[int(np.argmax(values))] = 1.0
    calm, disturbed = (noise(of_ratios(np.exp(one)))["latency.p99"] for one in (values, far))
    assert (disturbed.sd, disturbed.far) == (pytest.approx(calm.sd), pytest.approx(calm.far))
    threshold = parse_all(["latency.p99 > +10%"])
    told = [Design(threshold, 20, {"latency.p99": one}).forecast(threshold[0]) for one in (calm, disturbed)]
    assert None not in told
    assert float(told[1] or 0) > 2 * float(told[0] or 0)
    whole = 1.0 * math.sqrt(19 / stats.chi2.ppf(statistics.UNSURE, 19))
    assert highest_sd(0.02, 20, 1.0) == pytest.approx(whole)


def test_a_clear_regression_stops_at_the_first_look() -> None:
    design = Design(parse_all(["latency.p99 > +10%"]), 20)
    judged = run(design, 1.5 * np.exp(np.random.default_rng(1).normal(0, 0.02, 20)))
    assert (judged.verdict, judged.pairs) == ("fail", 7)
    one = judged.comparisons[0]
    assert one.effect == pytest.approx(0.5, abs=0.05)
    assert one.interval[0] is not None
    assert one.interval[0] > one.margin == pytest.approx(0.1)


def test_six_pairs_tell_nothing_however_clear() -> None:
    judged = run(Design(parse_all(["latency.p99 > +10%"]), 6), np.full(6, 3.0))
    assert judged.verdict == "inconclusive"
    assert "under 7" in judged.why
    assert judged.comparisons[0].effect == pytest.approx(2.0)


def test_what_lies_about_the_margin_takes_all_pairs_and_is_inconclusive() -> None:
    ratios = 1.1 * np.exp(0.03 * np.resize([1.0, -1.0], 20))
    judged = run(Design(parse_all(["latency.p99 > +10%"]), 20), ratios)
    assert (judged.verdict, judged.pairs) == ("inconclusive", 20)
    assert "--max-pairs" in judged.why
    assert "requests.per_mb or client.cpu_per_mb" in judged.why


def test_a_pass_may_say_improved() -> None:
    judged = run(Design(parse_all(["latency.p99 > +10%"]), 20), 0.8 * np.exp(0.01 * np.resize([1.0, -1.0], 20)))
    assert judged.verdict == "pass"
    assert judged.comparisons[0].improved


def test_the_margin_is_no_tighter_than_the_machine_resolves() -> None:
    noise = {"latency.p99": Noise(0.0, 0.1, 20, math.log(1.08))}
    design = Design(parse_all(["latency.p99 > +5%"]), 20, noise)
    assert math.expm1(design.margin(design.thresholds[0])) == pytest.approx(0.08)
    judged = run(design, np.full(20, 1.07))
    assert (judged.verdict, judged.comparisons[0].margin, judged.comparisons[0].asked) == (
        "pass", pytest.approx(0.08), 0.05,
    )  # fmt: skip
    smallest = design.forecast(design.thresholds[0])
    assert smallest is not None
    assert smallest > 0.08


def test_a_lost_message_in_one_trial_fails_at_once_and_none_passes() -> None:
    design = Design(parse_all(["lost > 0"]), 20)
    clean = [pair(at, lost=(0.0, 0.0)) for at in range(7)]
    assert judge(design, clean[:3]).verdict == "inconclusive"
    assert judge(design, clean).verdict == "pass"
    judged = judge(design, [*clean[:2], pair(2, lost=(0.0, 3.0))])
    assert (judged.verdict, judged.over) == ("fail", True)


def test_an_absolute_bound_is_the_candidates_alone() -> None:
    design = Design(parse_all(["latency.p99 > 50ms"]), 7)
    slow = [pair(at, latency__p99=(0.2, 0.08 + 0.001 * (at % 2))) for at in range(7)]
    quick = [pair(at, latency__p99=(0.2, 0.02 + 0.001 * (at % 2))) for at in range(7)]
    assert judge(design, slow).verdict == "fail"
    judged = judge(design, quick)
    assert judged.verdict == "pass"
    assert judged.comparisons[0].effect == pytest.approx(0.0204, rel=0.01)


def test_a_generator_that_gives_out_is_never_a_pass() -> None:
    design = Design(parse_all(["latency.p99 > +10%"]), 20)
    pairs = of_ratios(np.ones(20))
    limited = [
        Pair(one.baseline, Trial(one.candidate.pair, "candidate", 1, "", one.candidate.metrics, limit="generator"))
        for one in pairs
    ]
    judged = judge(design, limited[:2])
    assert (judged.verdict, judged.over) == ("inconclusive", True)
    assert "generator" in judged.why
    assert judge(design, [limited[0], *pairs[1:7]]).verdict == "inconclusive"  # six sound ones are too few
    assert judge(design, [limited[0], *pairs[1:10]]).verdict == "pass"
    swapped = Pair(Trial(1, "baseline", 0, "", pairs[1].baseline.metrics, limit="generator"), pairs[1].candidate)
    judged = judge(design, [limited[0], swapped, *pairs[2:10]])  # one of each side is not two of a side
    assert (judged.verdict, judged.limited) == ("pass", {"baseline": 1, "candidate": 1})
    assert judged.comparisons[0].pairs == 8


def test_many_thresholds_share_one_error_rate_by_holm() -> None:
    design = Design(parse_all(["latency.p99 > +10%", "latency.p50 > +10%", "latency.max > +10%"]), 7)
    pairs = [
        pair(at, latency__p99=(1.0, 1.0 + 0.001 * at), latency__p50=(1.0, 1.5 + 0.01 * at), latency__max=(1.0, 1.1))
        for at in range(7)
    ]
    judged = judge(design, pairs)
    primary, worst, other = judged.comparisons
    assert judged.verdict == "fail"
    assert (primary.verdict, worst.verdict) == ("pass", "fail")
    assert (primary.tail, worst.tail, other.tail) == (
        pytest.approx(0.005), pytest.approx(0.0025), pytest.approx(0.005),
    )  # fmt: skip


def test_false_alarms_are_within_the_error_rate_even_at_the_margin() -> None:
    """1,000 gates whose true effect is just the margin: one end of the interval may miss it in half of 1 %."""
    rng = np.random.default_rng(3)
    design = Design(parse_all(["latency.p99 > +10%"]), 20)
    alarms = sum(run(design, 1.1 * np.exp(rng.normal(0, 0.05, 20))).verdict == "fail" for _ in range(1000))
    assert alarms <= stats.binom.ppf(0.999, 1000, ALPHA / 2)


def test_the_effect_it_promises_to_see_is_seen() -> None:
    """300 gates at the smallest effect that the noise of an A/A run of 20 pairs lets them promise."""
    rng = np.random.default_rng(4)
    seen = 0
    for _ in range(300):
        calibration = rng.normal(0, 0.05, 20)
        one = estimate(list(calibration), ALPHA / 2)
        noise = {"latency.p99": Noise(one.mean, one.sd, 20, max(-one.low, one.high))}
        design = Design(parse_all(["latency.p99 > +10%"]), 20, noise)
        smallest = design.forecast(design.thresholds[0])
        assert smallest is not None
        seen += run(design, (1 + smallest) * np.exp(rng.normal(0, 0.05, 20))).verdict == "fail"
    assert stats.binomtest(seen, 300).proportion_ci(0.95).high >= statistics.POWER


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.01, 0.02, 0.04), 1000.0),  # the bound itself
        ((0.005, 0.01, 0.04), 1000 * 1.15**0.5),  # halfway between two, both on the logarithm
        ((0.04, 0.08, 0.16), 850 * 0.85),  # below all: along the nearest line
        ((0.001, 0.001, 0.001), 1150 * 1.5),  # nowhere near: as far as it goes
        ((0.01, 0.009, 0.04), 1000 * 1.15**0.5),  # quicker at a higher rate is noise
    ],
)
def test_a_highest_rate_lies_where_a_time_reaches_its_bound(values: tuple[float, ...], expected: float) -> None:
    objectives = slo.parse_all(["latency.p99 < 20ms"])
    found = [{"latency.p99": value} for value in values]
    assert ladder.highest(ladder.rates(1000), objectives, found) == pytest.approx(expected)
    assert ladder.highest(ladder.rates(1000), objectives, [*found[:2], {"latency.p99": None}]) is None


def test_differences_are_those_no_flag_asked_for() -> None:
    def facts(linger: str, python: str, kind: str) -> dict[str, object]:
        config = {"linger.ms": linger, "bootstrap.servers": kind}
        return {
            "environment": {"python": python}, "target": {"kind": kind},
            "classes": {"Checkout": {"config": config, "lane": "fast"}},
        }  # fmt: skip

    found = differences(facts("5", "3.11", "embedded"), facts("20", "3.12", "external"))
    assert {one.path for one in found} == {"environment.python", "target.kind", "Checkout.config.linger.ms"}
    assert len(unasked(found, [], environment=False, scenario=False, target=False)) == 3
    left = unasked(found, ["linger.ms"], environment=True, scenario=False, target=False)
    assert [one.path for one in left] == ["target.kind"]
    assert left[0].text == "target.kind: embedded (baseline), external (candidate)"


def test_no_figure_is_given_for_what_could_have_been_told_where_pairs_are_wild() -> None:
    """Seven pairs one of which is a hundred times another promise nothing; a calm gate's figure stands as it is."""
    wild, calm = np.array([0.1, 10, 1, 1, 1, 1, 1]), np.exp(np.linspace(-0.01, 0.01, 7))
    design = Design(parse_all(["latency.p99 > +10%"]), 7)
    told = [judge(design, of_ratios(ratios)).comparisons[0] for ratios in (wild, calm)]
    assert told[0].detectable is not None
    assert told[0].detectable > 1
    assert words.detectable(told[0]) == "over +100 %"
    assert words.detectable(told[1]) == words.share(told[1].detectable)
