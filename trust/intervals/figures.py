"""Cells made once and kept, both cores at work; the figures they make, as a file and as a section of the page."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import loadkit
from loadkit.report.block import Block, Cell, Prose, block, table
from trust.about import about, mark
from trust.intervals.coverage import CLAIMED, ENOUGH, Evidence, Row, cell, evidence
from trust.intervals.processes import PROCESSES

OUT = Path("reports/trust/intervals")
WORK = Path("reports/trust-intervals-work")
"""Where cells are kept while they are made; what is there already, by the same code, is not made again."""
FIGURES = "coverage.json"
_USED = ("intervals.py", "histogram.py")
Job = tuple[str, int, int]
"""Process, seconds of a run, runs; no seconds: what is true of the process."""


def code() -> str:
    """Return a mark of all that the figures depend on."""
    own = [Path(__file__).parent / name for name in ("coverage.py", "processes.py")]
    used = [Path(loadkit.__path__[0]) / name for name in _USED]
    return mark([*own, *used])


def made(work: Path, seconds: Sequence[int], runs: int) -> tuple[dict[str, dict[str, Evidence]], list[Row]]:
    """Return what is true of each process and the rows of all cells; cells that are kept are not made again."""
    truths = {name: {label: Evidence(**one) for label, one in found.items()}
              for (name, *_), found in _all(work, [(name, 0, 0) for name in PROCESSES], {})}  # fmt: skip
    jobs = sorted(((name, length, runs) for name in PROCESSES for length in seconds), key=lambda job: -job[1])
    rows = [Row(**row) for _, found in _all(work, jobs, truths) for row in found]
    order = {name: at for at, name in enumerate(PROCESSES)}
    return truths, sorted(rows, key=lambda row: (order[row.process], float(row.quantile[1:]), row.seconds))


def _all(work: Path, jobs: Sequence[Job], truths: Mapping[str, Mapping[str, Evidence]]) -> Iterator[tuple[Job, Any]]:
    """Yield each job and what came of it, those that are kept first."""
    files = {job: _file(work, job) for job in jobs}
    yield from ((job, json.loads(file.read_text("utf-8"))) for job, file in files.items() if file.exists())
    left = [(job, truths.get(job[0], {})) for job, file in files.items() if not file.exists()]
    if not left:
        return
    work.mkdir(parents=True, exist_ok=True)
    with get_context("spawn").Pool(min(os.cpu_count() or 1, len(left))) as pool:
        for at, (job, found) in enumerate(pool.imap_unordered(_do, left), 1):
            part = files[job].with_suffix(".part")
            part.write_text(json.dumps(found), encoding="utf-8")
            part.replace(files[job])
            print(f"{at} of {len(left)}: {job[0]}" + (f", {job[1]} s" if job[1] else ", the truth"), flush=True)
            yield job, found


def _do(asked: tuple[Job, Mapping[str, Evidence]]) -> tuple[Job, Any]:
    job, known = asked
    name, seconds, runs = job
    if not seconds:
        return job, {label: asdict(one) for label, one in evidence(name).items()}
    return job, [asdict(row) for row in cell(name, seconds, runs, known)]


def _file(work: Path, job: Job) -> Path:
    return work / f"{hashlib.sha256(f'{code()} {job}'.encode()).hexdigest()[:16]}.json"


def write(out: Path, truths: Mapping[str, Mapping[str, Evidence]], rows: Sequence[Row], command: Sequence[str]) -> bool:
    """Write the figures; return whether every judged one kept what is claimed."""
    judged = [row for row in rows if row.judged]
    kept = bool(judged) and all(row.kept for row in judged)
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "claimed": CLAIMED, "enough": ENOUGH, "kept": kept, "judged": len(judged),
        "truths": {name: {label: asdict(one) for label, one in found.items()} for name, found in truths.items()},
        "rows": [row.facts() for row in rows], "code": code(), **about(command),
    }  # fmt: skip
    (out / FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return kept


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the figures as a section of the page, a table a process."""
    judged = [row for row in found["rows"] if row["judged"]]
    missed = [row for row in judged if not row["kept"]]
    lowest = min((row["coverage"][0] for row in judged), default=float("nan"))
    lead = (
        f"Runs of made-up processes whose true percentiles are known, {max(row['runs'] for row in found['rows']):,} a "
        "cell, and the 95 % intervals that a report would print for them. Claimed: where a run holds "
        f"{found['enough']} or more effective blocks, at least {found['claimed']:.0%} of the intervals hold the truth; "
        "the lower end of the coverage's own 95 % interval (Clopper and Pearson) must say so. "
        f"Of {len(judged)} such cells {len(judged) - len(missed)} keep it; the lowest coverage is {lowest:.1%}."
    )
    tables = [
        table(name, _HEAD, [_row(row) for row in found["rows"] if row["process"] == name], texts=(0, 6))
        for name in found["truths"]
    ]  # fmt: skip
    return block("Coverage of intervals", [Prose(lead), *tables, Prose(_READING)])


_HEAD = ("percentile, run", "effective blocks", "as runs tell", "too short to tell", "width", "coverage",
         "its interval", "at least 92 %")  # fmt: skip
_READING = (
    "Effective blocks: seconds of the run over the time in which the share beyond the percentile keeps its level, and "
    "fewer where a few blocks bring most of what varies (three stalls in a minute are few, however many seconds were "
    "quiet). As runs tell: what loadkit estimates from one run, without that last part; below 10 no interval is given. "
    "Where few blocks are, a run that saw no stall cannot know that there are some: coverage of the intervals that are "
    "given is low there, and that is what these rows show. Width: upper end over lower end, less 1 (median)."
)


def _row(row: Mapping[str, Any]) -> list[Cell | str]:
    told, width = row["told"], row["width"]
    verdict = (
        Cell("–") if not row["judged"] else Cell("kept", tone="good") if row["kept"] else Cell("missed", tone="bad")
    )
    coverage = row["coverage"]
    return [
        f"{row['quantile']}, {row['seconds']:,} s", f"{row['blocks']:,.1f}", "–" if told is None else f"{told:,.0f}",
        f"{1 - row['given'] / row['runs']:.1%}", "–" if width is None else f"{width:.1%}",
        "–" if coverage is None else f"{coverage[0]:.1%}",
        "–" if coverage is None else f"{coverage[1]:.1%} to {coverage[2]:.1%}", verdict,
    ]  # fmt: skip
