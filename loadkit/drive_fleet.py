"""`loadkit fleet plan`: the load processes and machines that a rate takes, by this machine's stored calibration."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from loadkit import calibrated
from loadkit.capacity import TYPICAL, Capacity, Point, capacity
from loadkit.errors import RunError, UsageError
from loadkit.fleet_plan import FILLED, SHARE, FleetPlan, planned
from loadkit.telemetry.host import environment, machine
from loadkit.units import format_byte_rate, format_rate, format_size, parse_rate, parse_size

RESTS = (
    "It rests on one process measured alone against a cluster in its own memory: processes beside each other share "
    "caches and memory, consumers are not in it, and a network may carry less. A run that its load processes limit "
    "says so."
)


def plan(rate: str, size: str, cores: int | None, quiet: bool) -> dict[str, Any]:
    """Return the document of a plan, which is printed too.

    Raises UsageError for a rate or size that is none, RunError where no calibration tells.
    """
    wanted, length = _asked(rate, size)
    found = calibrated.stored(machine())
    if not found:
        raise RunError(
            f"no calibration of this class of machine ({machine()['name']}) is stored, so what a process makes is not "
            "known: run `loadkit calibrate` here first, on a machine like those of the fleet"
        )
    makes = _makes(found, length)
    made = planned(wanted, length, makes, cores or int(environment()["cores"] or 1))
    warnings = _warnings(found, makes)
    stream = sys.stderr if quiet else sys.stdout
    for line in lines(wanted, length, made, makes, found):
        print(line, file=stream)
    for warning in warnings:
        print(f"{warning['text']}: {warning['next']}", file=stream)
    facts = {"rate": wanted, "size": length, **asdict(made), "share": SHARE, "filled": FILLED,
             "process_makes": round(makes.rate, 1), "of": makes.text, "exact": makes.exact,
             "calibrated": found.get("date"), "host": found.get("host"), "rests_on": RESTS}  # fmt: skip
    return {
        "schema": 1, "command": "fleet plan", "status": "complete", "limit": None, "verdict": None, "metrics": {},
        "withheld": {}, "warnings": warnings, "out": None, "plan": facts,
    }  # fmt: skip


def _asked(rate: str, size: str) -> tuple[float, int]:
    try:
        wanted, length = parse_rate(rate), parse_size(size)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if wanted <= 0 or length <= 0:
        raise UsageError("--rate and --size must be above 0, like --rate 2M/s --size 100B")
    return wanted, length


def _makes(found: Mapping[str, Any], size: int) -> Capacity:
    """Return what one process makes of what most services send, by the lane that was calibrated."""
    try:
        points = [Point.of(one) for one in found["points"]]
    except (KeyError, TypeError, ValueError):
        raise RunError("the stored calibration cannot be read: run `loadkit calibrate` anew") from None
    for lane in (TYPICAL.lane, "standard"):
        makes = capacity(points, replace(TYPICAL, lane=lane), size)
        if makes:
            return makes
    sizes = sorted({point.size for point in points if point.setting.lane != "sink"})
    known = f"from {format_size(sizes[0])} to {format_size(sizes[-1])}" if sizes else "of no size"
    raise RunError(
        f"the stored calibration has messages {known}, which says nothing of {format_size(size)}: plan for one among "
        "them, or measure with `loadkit max --workers 1`"
    )


def lines(rate: float, size: int, made: FleetPlan, makes: Capacity, found: Mapping[str, Any]) -> list[str]:
    """Return a plan as lines of text."""
    machines = "1 machine" if made.machines == 1 else f"{made.machines} machines"
    processes = "1 load process" if made.processes == 1 else f"{made.processes} load processes"
    each = f"{made.on_each} on it" if made.machines == 1 else f"{made.on_each} at most on each"
    cores = f", {made.process_cores:.2g} cores" if made.process_cores else ""
    return [
        f"{format_rate(rate)} of {format_size(size)}: {processes} on {machines} of {made.cores} cores, {each}",
        f"  each process makes {format_rate(made.process_rate)}{cores}: {made.used:.0%} of the "
        f"{format_rate(makes.rate)} that one makes flat out ({makes.text}; calibrated {found.get('date')})",
        f"  headroom: a process is planned at {SHARE:.0%} of that or less, a machine's cores at {FILLED:.0%}",
        f"  a machine sends {format_byte_rate(made.machine_bytes)} at most, before compression",
        f"  loadkit run SCENARIO --expect-workers {made.processes} --master-bind HOST, and on every machine "
        f"{made.on_each} times: loadkit worker SCENARIO --master HOST",
        RESTS,
    ]


def _warnings(found: Mapping[str, Any], makes: Capacity) -> list[dict[str, str]]:
    """Return what makes the plan doubtful."""
    doubts = []
    if not makes.exact:
        doubts.append({"code": "nearest", "text": f"not calibrated itself, the nearest stands in: {makes.text}",
                       "next": "try the plan with a short run before the long one"})  # fmt: skip
    if found.get("busy"):
        doubts.append({"code": "busy", "text": "others worked on this machine while it was calibrated",
                       "next": "repeat `loadkit calibrate` while nothing else runs"})  # fmt: skip
    return doubts
