"""What was found out about sweeps and searches as a page, from the files beside it: `python -m trust.search --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Prose, block, table
from loadkit.units import format_duration, format_rate
from trust import page
from trust.claim import SHARE, Claim, counted
from trust.search import effects as truth
from trust.search import guided, maximum
from trust.search.agreement import FIGURES as AGREEMENT

OUT = Path("reports/trust/search")
TITLE = "Searches"
METHOD = (
    "`loadkit max` on simulated clusters whose highest rate is known by arithmetic or by a long run of the model; "
    "sweeps within a budget against the noiseless truth of the whole grid; intervals of effects against effects that "
    "were drawn; and searches on a real Kafka against each other and against a hold at their answer."
)


def effects(found: Mapping[str, Any]) -> Block | None:
    """Return how often the effects' intervals held their truth."""
    rows = [
        [one["design"], f"{one['sweeps']:,}", f"{one['main_inside']:.1%}",
         "none told" if one["pair_inside"] is None else f"{one['pair_inside']:.1%}", f"{one['idle_claimed']:.1%}",
         f"{one['median_half_width']:.1%}"]
        for one in found["designs"]
    ]  # fmt: skip
    head = ("design", "sweeps", "main effects inside", "interactions inside", "idle knob blamed", "median half width")
    lead = (
        f"Sweeps with known effects, estimated as for a report. Of the intervals {found['claimed']:.0%} are to hold "
        "the truth, and a knob that does nothing is to be blamed in 5 % of the sweeps at most."
    )
    return block("Effects and their intervals", [Prose(lead), table("Coverage", head, rows)])


def agreement(found: Mapping[str, Any]) -> Block | None:
    """Return how well searches on a real Kafka agreed."""
    rows = [
        [str(at), _rate(one["max_rate"]), " to ".join(map(_rate, one["interval"])), str(one["verdict"]), one["limit"],
         str(one["probes"]), str(one["holds"]), format_duration(one["seconds"])]
        for at, one in enumerate(found["runs"], 1)
    ]  # fmt: skip
    head = ("search", "highest rate", "interval", "verdict", "limit", "probes", "holds", "measured for")
    spread = "–" if found["spread"] is None else f"{found['spread']:.1%}"
    held = found["hold"]
    told = (
        f"{found['scenario']} on {found['target']} with {', '.join(found['sets'])}, within {found['slo']}: the highest "
        f"answer lies {spread} above the lowest; {found['allowed']:.0%} are allowed. Brokers and generator shared one "
        "machine, so this shows the method and not a cluster."
    )
    hold = f"A run of its own at the lowest answer, {_rate(held.get('rate'))}: {held['verdict']}"
    if held.get("end_to_end.p50"):
        hold += f", median of end-to-end latency {format_duration(held['end_to_end.p50'])}"
    made = [Prose(told), table("Searches", head, rows, texts=(0, 2, 3, 4)), Prose(hold + ".")]
    return block("Searches on a real Kafka agree", made)


def _rate(rate: float | None) -> str:
    return "–" if rate is None else format_rate(rate)


def _max(found: page.Found) -> Sequence[Claim]:
    figures = found["figures"]
    return [
        Claim(one["text"], figures[name], one["compare"], one["bound"]) if name == "probes" else
        counted(one["text"], figures[name] * figures["clusters"], figures["clusters"], one["compare"], one["bound"])
        for name, one in found["bounds"].items()
    ]  # fmt: skip


def _agreement(found: page.Found) -> Sequence[Claim]:
    held = float(found["hold"]["verdict"] == "pass")
    return [
        Claim("highest answer above the lowest, on a real Kafka", found["spread"], "<=", found["allowed"], SHARE),
        Claim("runs at the lowest answer that keep the objective, of 1", held, ">=", 1),
    ]


def _guided(found: page.Found) -> Sequence[Claim]:
    least, ahead = (min(row[name][key] for row in found["cases"])
                    for name, key in (("guided", "median"), ("ahead", "low")))  # fmt: skip
    return [
        Claim("grid's hypervolume found by a quarter of its trials, worst case's median", least, ">=",
              found["wanted"], SHARE),
        Claim("how much more than by chance, worst case, lower end of the median's interval", ahead, ">=", 0, SHARE),
    ]  # fmt: skip


def _effects(found: page.Found) -> Sequence[Claim]:
    designs = found["designs"]
    inside = [(one[f"{of}_inside"], one[f"{of}_intervals"]) for one in designs for of in ("main", "pair")
              if one[f"{of}_inside"] is not None]  # fmt: skip
    share, intervals = min(inside)
    idle = max(designs, key=lambda one: one["idle_claimed"])
    slack = f"{found['claimed']:.0%} are claimed; {truth.SLACK:.0%} are allowed for chance"
    return [
        counted("intervals of effects that hold the truth, worst design", share * intervals, intervals, ">=",
                found["claimed"] - truth.SLACK, slack),
        counted("sweeps that blame a knob that does nothing, worst design", idle["idle_claimed"] * idle["sweeps"],
                idle["sweeps"], "<=", truth.BLAMED + truth.SLACK, slack),
    ]  # fmt: skip


PARTS: tuple[page.Part, ...] = (
    (maximum.FIGURES, maximum.section), (AGREEMENT, agreement), (guided.FIGURES, guided.section),
    (truth.FIGURES, effects),
)  # fmt: skip
CLAIMS: Mapping[str, page.Claims] = {
    maximum.FIGURES: _max, AGREEMENT: _agreement, guided.FIGURES: _guided, truth.FIGURES: _effects,
}  # fmt: skip


def write(out: Path) -> Path:
    """Write the page of the results in a folder and return its path."""
    return page.write(out, "Sweeps and searches against known truth", PARTS)
