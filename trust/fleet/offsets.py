"""Clocks of load processes that are skewed and drift by known amounts, against what the master's fleet says of them.

All processes run on one machine, so the truth is known to the nanosecond: a process with `LOADKIT_CLOCK` has a clock
that is a known function of the machine's, and a mark of its own, so that it is taken for one of another host. Each row
of kind `clock` says how far from the master's clock it was read to be, and how wrong that may be. And end-to-end times
must be withheld just where that is more than a tenth of their median.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from loadkit import clock
from loadkit.clocks import SMALL
from loadkit.report.block import Block, Prose, block, table
from loadkit.units import format_duration
from trust.fleet.figures import once
from trust.fleet.lab import Fleet
from trust.fleet.merging import of_log

FIGURES = "offsets.json"
CLOCKS = ("", "offset=5ms", "offset=-3s,drift=100ppm", "offset=2h,drift=-250ppm", "drift=900ppm")
"""How the clock of each process is skewed; the first is the master's own."""
SOME = (CLOCKS[0], *CLOCKS[2:4])
CASES = (("1600/s", "0.2ms"), ("40k/s", "0.2ms"), ("1600/s", "100ms"))
"""Rate, and one way through the sink: for medians near the bounds of clocks, and far above them."""
SECONDS, SHORT = 90, 12


def injected(text: str, raw_ns: int) -> int:
    """Return the machine's clock when a skewed one reads `raw_ns`."""
    offset, drift = clock.skewed(text)
    return (raw_ns - offset) * clock.BILLION // (clock.BILLION + drift)


def run(folder: Path, clocks: tuple[str, ...], seconds: float, rate: str, network: str) -> dict[str, Any]:
    """Return what a run of processes with such clocks left: rows of clocks against the truth, and what was withheld."""
    flags = ("--target", f"simulated?sink=1&network={network}", "--warmup", "5s", "--set", f"Checkout.rate={rate}")
    with Fleet(folder, len(clocks), *flags, clocks={n: text for n, text in enumerate(clocks) if text}) as lab:
        lab.master.until_said("loadkit: measure")
        time.sleep(seconds)
        result = lab.end()
    rows = [json.loads(line) for line in (lab.out / "series.jsonl").read_text("utf-8").splitlines()]
    told = [row for row in rows if row["kind"] == "clock"]
    by_clock = [judged(text, [row for row in told if row["injected"] == text]) for text in clocks if text]
    return {
        "rate": rate, "network": network, "seconds": seconds, "clocks": by_clock, **withheld(result, rows, lab.out),
        "negative": sum(row.get("negative", 0) for row in rows if row["kind"] == "producer"),
    }  # fmt: skip


def judged(text: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how far one clock's rows were from the truth, in seconds; how many lay outside of their own bound."""
    errors = np.array([row["at_ns"] + row["offset_ns"] - injected(text, row["at_ns"]) for row in rows])
    bounds = np.array([row["bound_ns"] for row in rows])
    return {
        "clock": text, "rows": len(rows), "outside": int((np.abs(errors) > bounds).sum()),
        "breaks": sum(row["breaks"] for row in rows), "error_median": float(np.median(np.abs(errors))) / 1e9,
        "error_max": float(np.abs(errors).max()) / 1e9, "bound_median": float(np.median(bounds)) / 1e9,
        "bound_max": float(bounds.max()) / 1e9,
        "round_trip_median": float(np.median([row["round_trip_ns"] for row in rows])) / 1e9,
    }  # fmt: skip


def withheld(result: Mapping[str, Any], rows: list[dict[str, Any]], out: Path) -> dict[str, Any]:
    """Return whether end-to-end times were withheld, and whether they had to be, by an account of its own."""
    buckets = sorted(of_log(out / "histograms.hlog")["Billing.end_to_end"].items())
    reached = np.searchsorted(np.cumsum([count for _, count in buckets]), sum(count for _, count in buckets) / 2)
    median = buckets[int(reached)][0] / 1e6
    worst: dict[str, int] = {}
    for row in rows:
        if row["kind"] == "clock" and row["phase"] in ("measure", "drain"):
            worst[row["name"]] = max(worst.get(row["name"], 0), row["bound_ns"])
    bound = sum(sorted([0, *worst.values()])[-2:]) / 1e9
    said = result["metrics"]["end_to_end.p50"] is None
    return {"median": median, "bound": bound, "said_bound": result["metrics"]["clock.bound"], "withheld": said,
            "must": bound > SMALL * median, "why": result["withheld"].get("end_to_end.p50", "")}  # fmt: skip


def rows(work: Path, quick: bool) -> list[dict[str, Any]]:
    """Return a row for each run: whether every bound held, and what had to be withheld was."""
    seconds = SHORT if quick else SECONDS
    made = []
    for rate, network in CASES[:1] if quick else CASES:
        row = once(
            work / f"offsets-{rate.replace('/', '-')}-{network}-{seconds}",
            lambda folder, r=rate, n=network: run(folder, SOME if quick else CLOCKS, seconds, r, n),  # type: ignore[misc]
        )
        inside = all(one["rows"] > seconds / 2 and not one["outside"] and not one["breaks"] for one in row["clocks"])
        true = row["withheld"] == row["must"] and abs(row["said_bound"] - row["bound"]) < 1e-9
        made.append({**row, "kept": inside and true})
    return made


def section(found: Mapping[str, Any]) -> Block | None:
    """Return clocks and what was withheld as a section of the page."""
    clocks = [
        [one["clock"], f"{row['rate']}", f"{one['rows']}", format_duration(one["error_median"]),
         format_duration(one["error_max"]), format_duration(one["bound_median"]), format_duration(one["bound_max"]),
         str(one["outside"]), format_duration(one["round_trip_median"])]
        for row in found["runs"] for one in row["clocks"]
    ]  # fmt: skip
    shown = [
        [f"{row['rate']}, {row['network']} one way", format_duration(row["median"]), format_duration(row["bound"]),
         "withheld" if row["withheld"] else "shown", "withheld" if row["must"] else "shown",
         "kept" if row["kept"] else "MISSED"]
        for row in found["runs"]
    ]  # fmt: skip
    lead = (
        "Load processes whose clock is skewed and drifts by known amounts, beside one on the master's own clock. Each "
        "second says how far the process read its clock to be from the master's, and how wrong that may be: the truth "
        "is to lie within that bound every time."
    )
    then = (
        f"End-to-end times compare two clocks. They are to be withheld just where the two least known together are "
        f"known to no better than {SMALL:.0%} of the median, and shown with the bound elsewhere."
    )
    return block("Clocks of several hosts", [
        Prose(lead),
        table("Clocks", ("skewed by", "rate", "times told", "error, median", "largest", "bound, median", "largest",
                         "outside of it", "round trip"), clocks, texts=(0, 1)),
        Prose(then),
        table("End-to-end times", ("run", "median", "good to", "were", "had to be", "bounds"), shown,
              texts=(0, 3, 4, 5)),
    ])  # fmt: skip
