"""What loadkit said of planted cases as a page, from the file beside it: `python -m trust.limits --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Prose, block, table
from trust import page
from trust.claim import Claim
from trust.limits.cases import QUICK
from trust.limits.figures import FIGURES, OUT

__all__ = ["CLAIMS", "METHOD", "OUT", "PARTS", "TITLE", "write"]

TITLE = "Whose limit it was"
METHOD = (
    "Load processes and clusters are slowed on purpose, or left alone under a moderate load, each kind twice with "
    "settings of its own. Thresholds were fixed on the cases with odd numbers; the others test them. A wrong answer is "
    "a certain one that is not true; `unknown` is counted beside."
)
_TONES = {"right": "good", "unknown": "warn", "wrong": "bad"}


def judged(found: Mapping[str, Any]) -> Block | None:
    """Return every case with what was planted, what was said, and why."""
    lead = (
        f"Of {sum(found['test'].values())} cases that no threshold was fixed on, {found['test']['right']} were judged "
        f"rightly, {found['test']['wrong']} wrongly, and of {found['test']['unknown']} loadkit said that it does not "
        f"know. Of the {sum(found['training'].values())} others: {found['training']['right']}, "
        f"{found['training']['wrong']} and {found['training']['unknown']}. Brokers and generator had half of the cores "
        "each."
    )
    head = ("case", "planted", "truth", "said", "evidence")
    parts = [table(caption, head, [_row(one) for one in found["rows"] if one["trains"] == trains], texts=range(5))
             for caption, trains in (("Test cases", False), ("Training cases", True))]  # fmt: skip
    return block("Planted cases", [Prose(lead), *parts])


def _row(one: Mapping[str, Any]) -> list[Cell | str]:
    case = one["case"]
    how = ", ".join(f"{name} {value}" for name, value in {**case["how"], **case["sets"]}.items())
    rate = f"{case['rate']:.0%} of what a process makes" if case["rate"] <= 2 else f"{case['rate']:,.0f} msg/s"
    users = f", {case['users']} users" if case["users"] > 1 else ""
    planted = f"{case['kind']} ({rate}{users}{f'; {how}' if how else ''})"
    said = Cell(one["answer"], tone=_TONES[one["verdict"]])
    return [str(case["number"]), planted, case["truth"], said, "; ".join(one["evidence"])]


def thresholds(found: Mapping[str, Any]) -> Block | None:
    """Return how the training cases are judged at other values of each threshold."""
    rows = [[one["name"], f"{one['value']:g}", _between(one)] for one in found["thresholds"]]
    lead = (
        "Each threshold beside the values, of those tried with the others as they are, at which the training cases are "
        "judged no worse: no more wrong answers, and no more unknown ones."
    )
    head = ("threshold", "value", "as good from ... to")
    return block("Thresholds", [Prose(lead), table("On the training cases", head, rows, texts=(0, 2))])


def _between(one: Mapping[str, Any]) -> str:
    here = min(one["tried"], key=lambda tried: abs(tried["value"] - one["value"]))
    good = [tried["value"] for tried in one["tried"]
            if tried["wrong"] <= here["wrong"] and tried["unknown"] <= here["unknown"]]  # fmt: skip
    return f"{min(good):g} ... {max(good):g}"


def claims(found: Mapping[str, Any]) -> Sequence[Claim]:
    """Return what is promised of the cases."""
    test, whole = found["test"], len(found["rows"]) > len(QUICK)
    many = [Claim("planted cases, half of which test", len(found["rows"]), ">=", 30)] if whole else []
    return [
        Claim("certain answers that are wrong, test cases", test["wrong"], "<=", 0),
        *many,
        Claim("answers unknown, test cases", test["unknown"], note=f"of {sum(test.values())}"),
    ]


PARTS: tuple[page.Part, ...] = ((FIGURES, judged), (FIGURES, thresholds))
CLAIMS = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, "What limited a trial, against known truth", PARTS)
