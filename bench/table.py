"""The report of a bench: JSON with every figure of every pair, and a page of markdown made from it alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.case import Case
from bench.figures import shown

JSON, PAGE = "bench.json", "bench.md"


def entry(case: Case, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return one case as it stands in the JSON file; `about` says where, when and by which command it ran."""
    return {
        "title": case.title, "how": case.how, "run": dict(about), "pairs": case.rounds,
        "criteria": [criterion.as_dict() for criterion in case.criteria],
    }  # fmt: skip


def keep(out: Path, case: Case, about: Mapping[str, Any]) -> Path:
    """Write one case into the folder's JSON file, in place of an earlier run of it, and the page; return the page."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / JSON
    document: dict[str, Any] = {"schema": 1, "cases": {}}
    if file.exists():
        document = json.loads(file.read_text("utf-8"))
    document["cases"][case.name] = entry(case, about)
    file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    page = out / PAGE
    page.write_text(markdown(document), "utf-8")
    return page


def markdown(document: Mapping[str, Any]) -> str:
    """Return the page of a JSON document: the verdicts first, then each case with every pair."""
    cases: Mapping[str, Any] = document["cases"]
    lines = ["# loadkit beside its peers", "", *_summary(cases), ""]
    for name, case in cases.items():
        lines += [
            f"## {case['title']}",
            "",
            case["how"],
            "",
            *_about(name, case["run"]),
            "",
            *_pairs(case["pairs"]),
            "",
        ]
    return "\n".join(lines)


def _summary(cases: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            case["title"], one["name"], f"**{_figure(one['median'], one['unit'])}**", _range(one),
            str(len(one["values"])), _goal(one, "floor"), _goal(one, "aim"), one["verdict"],
        ]
        for case in cases.values()
        for one in case["criteria"]
    ]  # fmt: skip
    return markdown_table(["case", "figure", "median", "lowest to highest", "pairs", "floor", "aim", "verdict"], rows)


def _about(name: str, run: Mapping[str, Any]) -> list[str]:
    machine = ", ".join(f"{key} {value}" for key, value in run["machine"].items())
    versions = ", ".join(f"{key} {value}" for key, value in run["versions"].items())
    load = f"{run['load_before']:.1f} runnable processes before it began"
    return [
        f"`{run['command']}`, case `{name}`, {run['date']}, commit {run['commit']}, {load}.",
        *(["", f"**Only to see that it runs: every length times {run['scale']:g}.**"] if run["scale"] < 1 else []),
        "",
        f"Machine: {machine}. Versions: {versions}.",
    ]


def _pairs(rounds: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a table with a row for each contestant and pair, a column for each figure anybody has."""
    rows = [(turn, name, figures) for turn, one in enumerate(rounds, 1) for name, figures in one.items()]
    columns = list(dict.fromkeys(figure for _, _, figures in rows for figure in figures))
    body = [[str(turn), name, *(_si(figures.get(column)) for column in columns)] for turn, name, figures in rows]
    return markdown_table(["pair", "contestant", *columns], body)


def _si(value: float | None) -> str:
    """Return seconds and counts so that they can be read: below a millisecond in microseconds, and so on."""
    if value is None:
        return ""
    if 0 < abs(value) < 1e-3:
        return f"{shown(value * 1e6)} us"
    return f"{shown(value * 1e3)} ms" if 0 < abs(value) < 1 else shown(value)


def _figure(value: float, unit: str) -> str:
    return f"{shown(value)} {unit}".strip()


def _range(one: Mapping[str, Any]) -> str:
    return f"{shown(one['low'])} to {shown(one['high'])}"


def _goal(one: Mapping[str, Any], name: str) -> str:
    goal = one[name]
    return "" if goal is None else f"{one['sense']} {_figure(goal, one['unit'])}"


def markdown_table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)]
