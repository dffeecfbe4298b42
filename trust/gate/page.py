"""What was found out about gates as a page, from the files beside it: `python -m trust.gate --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from loadkit.gate.statistics import POWER
from trust import page
from trust.claim import Claim, counted
from trust.gate import live, made_up, planted, recorded
from trust.gate.rates import ALARMS, TIMES

TITLE = "Gates"
METHOD = (
    "`loadkit gate` on pairs of trials whose difference is known: made up with the noise of shared machines, modelled "
    "in virtual time with planted slowdowns, recorded on a real Kafka, and run there. An A/A gate that fails is a "
    "false alarm; an effect of the promised size that passes is a miss. Both are counted, beside what common ways to "
    "compare say of the same trials."
)
PARTS: tuple[page.Part, ...] = (
    (made_up.FIGURES, made_up.section), (planted.FIGURES, planted.section),
    (recorded.FIGURES, recorded.section), (live.FIGURES, live.section),
)  # fmt: skip


def _rates(of: str) -> page.Claims:
    """Return what is promised of false alarms and power; the worst source counts."""

    def claims(found: page.Found) -> Sequence[Claim]:
        false = max(found["alarms"], key=lambda row: row["fail"] / row["gates"])
        seen = min((row for row in found["power"] if row["times"] == TIMES[-1]),
                   key=lambda row: row["found"] / row["gates"])  # fmt: skip
        told = f"effects of {TIMES[-1]:g} times the promised size found, {of}, worst source"
        return [
            counted(f"A/A gates that fail, {of}, worst source", false["fail"], false["gates"], "<=", ALARMS),
            counted(told, seen["found"], seen["gates"], ">=", POWER),
        ]

    return claims


def _live(found: page.Found) -> Sequence[Claim]:
    gates = found["gates"]
    failed = sum(one["verdict"] == "fail" for one in gates)
    return [Claim(f"A/A gates that fail, on a real Kafka, of {len(gates)}", failed, "<=", 0)]


CLAIMS: Mapping[str, page.Claims] = {
    made_up.FIGURES: _rates("made-up pairs"), planted.FIGURES: _rates("planted slowdowns"),
    recorded.FIGURES: _rates("recorded pairs"), live.FIGURES: _live,
}  # fmt: skip


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, f"{TITLE} against known truth", PARTS)
