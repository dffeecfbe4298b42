"""Whether `loadkit max` finds the highest rate of clusters where it is known: `python -m trust.search.maximum`.

Each search is a line of `max.jsonl`, written when it ends, so that a run that was killed goes on; lines that other code
has written are made anew. `max.json` has the figures. Exit code 1 if one of them misses its bound.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import loadkit
import trust.search
from loadkit.report.block import Block, Cell, Prose, block, table
from trust.about import about, mark
from trust.search.clusters import cluster
from trust.search.hunt import HOLD, PROBE, hunt

OUT = Path("reports/trust/search")
LINES, FIGURES = "max.jsonl", "max.json"
NEAR = 0.05
Row = dict[str, Any]
BOUNDS: Mapping[str, tuple[str, float, str]] = {
    "near": (">=", 0.95, "share of clusters whose answer is within 5 % of the true highest rate"),
    "above": ("<=", 0.01, "share of clusters whose answer is more than 5 % above it"),
    "probes": ("<=", 16, "median of the probes besides the holds"),
}
"""Each figure that is promised: how it compares, with what, and what it is."""
_SOURCES = (
    "sweep/search.py", "sweep/judgement.py", "sweep/observation.py", "sweep/scaling.py", "simulation.py", "limit.py",
    "pacer.py", "targets/simulated.py", "targets/simspec.py", "targets/queueing.py", "targets/stages.py",
)  # fmt: skip
"""What a search on a simulated cluster depends on."""


def right(row: Row) -> bool:
    """Return whether an answer is within 5 % of the truth, and says the generator's limit where it was that."""
    wanted = "generator" if row["family"] == "generator" else "found"
    return row["outcome"] == wanted and bool(row["rate"]) and abs(row["rate"] / row["truth"] - 1) <= NEAR


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the searches amount to."""
    answered = [row for row in rows if row["rate"]]
    errors = np.array([row["rate"] / row["truth"] - 1 for row in answered]) if answered else np.zeros(1)
    probes, holds = (np.array([row[name] for row in rows]) for name in ("probes", "holds"))
    held = [row for row in rows if row["outcome"] == "found"]
    inside = [row["interval"][0] <= row["truth"] <= row["interval"][1] for row in held]
    return {
        "clusters": len(rows),
        "near": float(np.mean([right(row) for row in rows])),
        "above": sum(row["rate"] > (1 + NEAR) * row["truth"] for row in answered) / len(rows),
        "below": sum(row["rate"] < (1 - NEAR) * row["truth"] for row in answered) / len(rows),
        "unanswered": 1 - len(answered) / len(rows),
        "probes": float(np.median(probes)), "probes_p90": float(np.quantile(probes, 0.9)),
        "probes_most": int(probes.max()),
        "holds": float(np.median(holds)), "holds_most": int(holds.max()),
        "error_median": float(np.median(errors)), "error_p5": float(np.quantile(errors, 0.05)),
        "error_p95": float(np.quantile(errors, 0.95)),
        "inside": float(np.mean(inside)) if inside else None,
    }  # fmt: skip


def missed(found: Mapping[str, Any]) -> list[str]:
    """Return the promises that the figures do not keep."""
    return [
        f"{text}: {found[name]:.4g}, wanted {how} {bound:g}"
        for name, (how, bound, text) in BOUNDS.items()
        if (found[name] < bound if how == ">=" else found[name] > bound)
    ]


@cache
def code() -> str:
    """Return a mark of all that a search on a simulated cluster depends on."""
    files = [Path(loadkit.__path__[0]) / name for name in _SOURCES]
    files += [Path(trust.search.__path__[0]) / name for name in ("clusters.py", "hunt.py", "measure.py")]
    return mark(files)


def one(number: int) -> Row:
    """Return the row of one cluster's search."""
    begun = time.perf_counter()
    given = cluster(number)
    drawn = time.perf_counter()
    return {
        **hunt(given), "drawing_s": round(drawn - begun, 2), "search_s": round(time.perf_counter() - drawn, 2),
        "code": code(),
    }  # fmt: skip


def read(out: Path) -> dict[int, Row]:
    """Return the rows that are there, by cluster; torn lines and those of other code are left out."""
    path, found = out / LINES, {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["code"] == code():
            found[row["number"]] = row
    return found


def run(out: Path, clusters: int, jobs: int) -> list[Row]:
    """Return the rows of all clusters; those that are missing are made now and kept."""
    out.mkdir(parents=True, exist_ok=True)
    rows = read(out)
    missing = [number for number in range(clusters) if number not in rows]
    if missing:
        _write(out, rows)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        with _made(missing, jobs) as made, (out / LINES).open("a", encoding="utf-8") as file:
            for row in made:
                rows[row["number"]] = row
                file.write(json.dumps(row) + "\n")
                file.flush()
                _tell(row, len(rows), clusters)
        _write(out, rows)
    return [rows[number] for number in range(clusters)]


@contextmanager
def _made(numbers: Sequence[int], jobs: int) -> Iterator[Iterator[Row]]:
    if jobs == 1:
        yield map(one, numbers)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield pool.imap_unordered(one, numbers)


def _write(out: Path, rows: Mapping[int, Row]) -> None:
    part = out / (LINES + ".part")
    part.write_text("".join(json.dumps(rows[number]) + "\n" for number in sorted(rows)), encoding="utf-8")
    part.replace(out / LINES)


def _tell(row: Row, done: int, clusters: int) -> None:
    if not right(row) or done % 20 == 0:
        rate = f"{row['rate'] / row['truth'] - 1:+.1%}" if row["rate"] else row["outcome"]
        print(
            f"{done:>4}/{clusters} {row['family']:<10} {rate:>9} in {row['probes']} probes", file=sys.stderr, flush=True
        )


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the figures as a section of a page."""
    promised = [
        [
            one["text"],
            f"{one['compare']} {one['bound']:g}",
            Cell(f"{found['figures'][name]:.4g}", tone=_tone(name, found)),
        ]
        for name, one in found["bounds"].items()
    ]
    head = ("family", "clusters", "within 5 %", "more than 5 % above", "more than 5 % below", "no answer", "probes",
            "holds", "median error", "5th to 95th percentile")  # fmt: skip
    rows = [_cells(name, one) for name, one in (found["families"] | {"all": found["figures"]}).items()]
    lead = (
        f"`loadkit max` on {found['figures']['clusters']} simulated clusters drawn at random, each with an objective "
        f"whose highest rate is known by arithmetic or by a long run of the model (probes of {found['probe']:g} s, "
        f"holds of {found['hold']:g} s, as by default). Where the generator gives out first, only an answer that says "
        f"so is right. {found['redrawn']} draws were replaced, most of them because they were not of the family that "
        "was to be drawn or their objective hardly depends on the rate."
    )
    told = f"The stated interval held the truth in {found['figures']['inside']:.1%} of the answers."
    return block("The highest rate", [
        Prose(lead), table("What is promised", ("figure", "bound", "reached"), promised, texts=(0, 1)),
        table("By family of cluster", head, rows), Prose(told),
    ])  # fmt: skip


def _tone(name: str, found: Mapping[str, Any]) -> str:
    return "bad" if any(text.startswith(found["bounds"][name]["text"]) for text in found["missed"]) else "good"


def _cells(name: str, one: Mapping[str, Any]) -> list[str]:
    shares = [f"{one[key]:.1%}" for key in ("near", "above", "below", "unanswered")]
    spread = f"{one['error_p5']:+.1%} to {one['error_p95']:+.1%}"
    return [name, str(one["clusters"]), *shares, f"{one['probes']:g}", f"{one['holds']:g}",
            f"{one['error_median']:+.1%}", spread]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, write the figures, print them, and return 1 if one misses its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2, help="processes that search side by side")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    rows = run(asked.out, asked.clusters, asked.jobs)
    found = figures(rows)
    families = {name: figures([row for row in rows if row["family"] == name])
                for name in dict.fromkeys(row["family"] for row in rows)}  # fmt: skip
    seconds = sum(row["drawing_s"] + row["search_s"] for row in rows)
    document = {
        "schema": 1, "probe": PROBE, "hold": HOLD, "cpu_seconds": round(seconds), "code": code(),
        "bounds": {name: {"compare": how, "bound": bound, "text": text} for name, (how, bound, text) in BOUNDS.items()},
        "figures": found, "families": families, "missed": missed(found),
        "redrawn": sum(row["redrawn"] for row in rows),
        **about(["python", "-m", "trust.search.maximum", "--clusters", str(asked.clusters)]),
    }  # fmt: skip
    (asked.out / FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    for text in missed(found):
        print(f"missed: {text}", file=sys.stderr)
    return 1 if missed(found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
