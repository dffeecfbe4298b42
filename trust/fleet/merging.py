"""What many processes recorded against what is merged, bucket by bucket.

Each load process writes every value before it is recorded (`scenario.py`). A second histogram is made of all of them by
another library's code, and must equal the one that the result holds in every bucket. And since the sink confirms by
seed and number, the latencies of any number of processes must equal those of one, bucket by bucket.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from loadkit.report.block import Block, Prose, block, table
from trust.fleet.figures import once
from trust.fleet.lab import SCENARIO, Process

FIGURES = "merging.json"
COUNTS, QUICK = (1, 2, 4, 16), (1, 4)
SECONDS, SHORT = 20, 5
LIMIT = 240.0
"""Seconds that sixteen processes on two cores may take to start and to end."""
SAME = "Checkout.latency"
"""The series that must be the same however many processes there are."""
HIGHEST = 3_600_000_000
"""Values above an hour (us) count as one."""


Buckets = dict[int, int]
"""Counts by the highest value (us) of a bucket."""


def run(folder: Path, workers: int, seconds: int) -> dict[str, Any]:
    """Return what one run left: with 0 workers the load is made by the command's own process."""
    values = folder / "values"
    values.mkdir(parents=True)
    spread = ["--workers", str(workers)] if workers else []
    words = ["loadkit", "run", str(SCENARIO), "--target", "simulated?sink=1", "--duration", f"{seconds}s",
             "--warmup", "0s", "--out", str(folder / "out"), *spread]  # fmt: skip
    process = Process(folder / "log", *words, LOADKIT_TRUST_VALUES=str(values))
    try:
        process.ended(seconds + LIMIT)
    finally:
        process.gone()
    files = sorted(values.iterdir())
    merged, whole = of_log(folder / "out" / "histograms.hlog"), of_values(files)
    total = json.loads((folder / "out" / "result.json").read_text("utf-8"))["totals"]["Checkout"]
    row = {
        "workers": workers, "processes": len({file.name.partition("-")[0] for file in files}),
        "values": sum(sum(buckets.values()) for buckets in whole.values()), "series": len(whole),
        "buckets": sum(len(buckets) for buckets in whole.values()),
        "unlike": sum(unlike(merged.get(name, {}), whole.get(name, {})) for name in merged.keys() | whole.keys()),
        "due": total["due"], "acked": total["acked"], "same": sorted(merged.get(SAME, {}).items()),
    }  # fmt: skip
    for file in files:
        file.unlink()
    return row


def of_values(files: Sequence[Path]) -> dict[str, Buckets]:
    """Return the histogram of all values of each series, in whole microseconds as a histogram holds them."""
    found: dict[str, HdrHistogram] = {}
    for file in files:
        _, phase, series = file.name.split("-", 2)
        whole = found.setdefault(series if phase == "measure" else f"{phase}:{series}", _blank())
        us = np.clip((np.fromfile(file, np.int64) + 500) // 1000, 0, HIGHEST)
        for value, count in zip(*(part.tolist() for part in np.unique(us, return_counts=True)), strict=True):
            whole.record_value(value, count)
    return {series: _buckets(whole) for series, whole in found.items()}


def of_log(path: Path) -> dict[str, Buckets]:
    """Return the histograms of a log of histograms by series, its seconds added up."""
    found: dict[str, HdrHistogram] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("Tag="):
            tag, *_, encoded = line.removeprefix("Tag=").split(",")
            found.setdefault(tag, _blank()).add(HdrHistogram.decode(encoded))
    return {series: _buckets(whole) for series, whole in found.items()}


def _blank() -> HdrHistogram:
    return HdrHistogram(1, HIGHEST, 3)


def _buckets(whole: HdrHistogram) -> Buckets:
    return {one.value_iterated_to: one.count_added_in_this_iter_step for one in whole.get_recorded_iterator()}


def unlike(one: Buckets, other: Buckets) -> int:
    """Return in how many buckets two histograms differ."""
    return sum(one.get(at) != other.get(at) for at in one.keys() | other.keys())


def rows(work: Path, quick: bool) -> list[dict[str, Any]]:
    """Return a row for each number of processes, compared with the one of a single process."""
    seconds = SHORT if quick else SECONDS
    made = [
        once(work / f"merging-{workers}-{seconds}", lambda folder, n=workers: run(folder, n, seconds))  # type: ignore[misc]
        for workers in (0, *(QUICK if quick else COUNTS))
    ]
    alone = dict(made[0]["same"])
    for row in made:
        row["unlike_one"] = unlike(alone, dict(row.pop("same")))
        whole = row["acked"] == row["due"] and row["processes"] == (row["workers"] or 1)
        row["kept"] = whole and row["values"] > 0 == row["unlike"] == row["unlike_one"]
    return made


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the comparison as a section of the page."""
    shown = [
        [str(row["workers"]) if row["workers"] else "none: the command's own", f"{row['values']:,}", f"{row['series']}",
         f"{row['buckets']:,}", str(row["unlike"]), str(row["unlike_one"]), f"{row['acked']:,} of {row['due']:,}",
         "kept" if row["kept"] else "MISSED"]
        for row in found["runs"]
    ]  # fmt: skip
    lead = (
        "Sixteen producers and sixteen consumers on the simulated sink, spread over ever more processes. Each value "
        "was also written to a file before it was recorded; a histogram of all of them, made by another library, is to "
        "equal the result's in every bucket. The sink confirms by seed and number, so the latencies of any number of "
        "processes are to equal those of one, in every bucket."
    )
    head = ("load processes", "values", "series", "buckets", "that differ from all values", "from one process",
            "confirmed", "bound: none")  # fmt: skip
    return block("Merged is the sum, in every bucket", [Prose(lead), table("Runs", head, shown, texts=(0, 7))])
