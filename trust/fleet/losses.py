"""Load processes that die and one that comes late, in the middle of a run.

Each kill is SIGKILL at a random instant; the time is from then until the master has said who is gone. The share that it
names is held against the users that were there.
"""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Prose, block, table
from loadkit.units import format_duration
from trust.fleet.figures import once
from trust.fleet.lab import Fleet, pause

FIGURES = "losses.json"
FLEETS, WORKERS, KILLS = 2, 6, 5
"""Fleets, load processes of each, and how many of them are killed one after the other."""
BOUND = 6.0
"""Seconds within which who is gone must be named."""
RATE, USERS = 1600, 32
"""Messages a second and users of the scenario."""
FLAGS = ("--target", "simulated", "--warmup", "1s")
_NAMED = re.compile(r"load process (\S+) died with (\d+) users, (\d+)% of all")


def kills(folder: Path, fleet: int, workers: int, count: int) -> dict[str, Any]:
    """Return when each of `count` killed processes was named, and with which share."""
    with Fleet(folder, workers, *FLAGS) as lab:
        lab.master.until_said("loadkit: measure")
        named: list[dict[str, Any]] = []
        left = USERS
        for at, worker in enumerate(lab.workers[:count]):
            time.sleep(1.0 + pause(100 * fleet + at))
            killed = time.monotonic()
            worker.send(signal.SIGKILL)
            seen = lab.master.until(_more(lab, at), f"kill {at + 1}")
            _, users, share = _NAMED.findall(lab.master.said)[at]
            true = int(share) == round(100 * int(users) / left)
            named.append({"seconds": round(seen - killed, 3), "users": int(users), "share": int(share), "true": true})
            left -= int(users)
        lab.master.until_said(f"{left} users share the rates")
        time.sleep(3.0)  # their shares are in force a second later; then some whole seconds
        result = lab.end()
    lost = _NAMED.findall("\n".join(note["text"] for note in result["notes"]))
    slowest = max(one["seconds"] for one in named)
    kept = slowest <= BOUND and all(one["true"] for one in named) and len({name for name, *_ in lost}) == count
    return {"fleet": fleet, "workers": workers, "slowest": slowest, "named": named, "left": left,
            "status": result["status"], "kept": kept and result["status"] == "complete"}  # fmt: skip


def _more(lab: Fleet, before: int) -> Callable[[], bool]:
    return lambda: len(_NAMED.findall(lab.master.said)) > before


def late(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what became of a run that one more process joined in the middle."""
    with Fleet(folder, 2, *FLAGS) as lab:
        lab.master.until_said("loadkit: measure")
        before = json.loads((lab.out / "result.json").read_text("utf-8"))
        time.sleep(1.0)
        lab.join()
        joined = lab.master.until_said("came late: the run goes on")
        shared = lab.master.until_said(f"{USERS} users share the rates")
        time.sleep(seconds)
        result = lab.end()
    rows = [json.loads(line) for line in (lab.out / "series.jsonl").read_text("utf-8").splitlines()]
    total, codes = result["totals"]["Checkout"], sorted({note["code"] for note in result["notes"]})
    start, end = next((one["start"], one["end"]) for one in result["phases"] if one["name"] == "measure")
    same = all(before[name] == result[name] for name in ("run_id", "started_at")) and end > start
    return {
        "same_run": same, "shared_after": round(shared - joined, 1), "notes": codes,
        "processes": len({row["name"] for row in rows if row["kind"] == "host"}),
        "due": total["due"], "acked": total["acked"], "schedule": math.floor((end - start) * RATE),
        "kept": same and codes == ["users_changed"] and total["due"] == total["sent"] == total["acked"]
        and abs(total["due"] - (end - start) * RATE) <= 1,
    }  # fmt: skip


def losses(work: Path, quick: bool) -> list[dict[str, Any]]:
    """Return a row for each fleet whose processes were killed."""
    if quick:
        return [once(work / "kills-quick", lambda folder: kills(folder, 0, 3, 2))]
    return [
        once(work / f"kills-{fleet}", lambda folder, n=fleet: kills(folder, n, WORKERS, KILLS))  # type: ignore[misc]
        for fleet in range(1, FLEETS + 1)
    ]


def latecomers(work: Path, quick: bool) -> list[dict[str, Any]]:
    """Return a row for each run that a process joined late."""
    seconds = 4.0 if quick else 15.0
    return [once(work / f"late-{seconds:.0f}", lambda folder: late(folder, seconds))]


def section(found: Mapping[str, Any]) -> Block | None:
    """Return kills and latecomers as a section of the page."""
    killed = [
        [f"{row['fleet']}: {at + 1} of {row['workers']}", format_duration(one["seconds"]), str(one["users"]),
         f"{one['share']} %", "true" if one["true"] else "WRONG"]
        for row in found["kills"] for at, one in enumerate(row["named"])
    ]  # fmt: skip
    times = [one["seconds"] for row in found["kills"] for one in row["named"]]
    missed = [row for row in found["kills"] if not row["kept"]]
    lead = (
        f"Load processes killed by SIGKILL at random instants of a run: each is to be named with its share within "
        f"{BOUND:.0f} s. Of {len(times)} the slowest took {format_duration(max(times))}: "
        + ("the bound was MISSED." if missed else "the bound was kept.")
    )
    joined = [
        ["yes" if row["same_run"] else "NO", format_duration(row["shared_after"]), ", ".join(row["notes"]),
         f"{row['acked']:,} of {row['due']:,}", f"{row['schedule']:,}", "kept" if row["kept"] else "MISSED"]
        for row in found["late"]
    ]  # fmt: skip
    return block("Who is missing, and who comes late", [
        Prose(lead),
        table("Kills", ("fleet: process", "named after", "its users", "share named", "which is"), killed, texts=(0, 4)),
        Prose("A process that joins a run of plain Locust under way takes its part from a stated instant on; the run "
              "goes on, and nothing is due twice or not at all."),
        table("Latecomers", ("the same run", "shared anew after", "noted", "confirmed of due", "in the schedule",
                             "bound: all the same"), joined, texts=(0, 2, 5)),
    ])  # fmt: skip
