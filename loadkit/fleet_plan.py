"""How many load processes on how many machines make a rate, by what one was calibrated to make; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loadkit.capacity import Capacity

SHARE = 0.7
"""Share of what a process makes, that it is planned to make: from 0.85 on (`limit.USED`) a run accuses it."""
FILLED = 0.8
"""Share of a machine's cores that load processes are planned to take: the system and other threads need some."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """So many load processes, spread evenly over so many machines."""

    processes: int
    machines: int
    on_each: int
    """Most processes of a machine."""
    cores: int
    """Cores of a machine."""
    process_rate: float
    """Messages a second that each process is to make, at equal shares."""
    process_cores: float | None
    """Cores that it takes for that; None where the calibration does not tell CPU time."""
    used: float
    """Its share of what a process was calibrated to make."""
    machine_bytes: float
    """Bytes a second that a machine sends at most, before compression."""


def planned(rate: float, size: float, makes: Capacity, cores: int) -> FleetPlan:
    """Return the smallest fleet of machines of so many `cores` that makes `rate` messages a second of `size` bytes.

    CPU time a message is taken to be the same however fast a process goes, and however many are beside it; without a
    figure a process takes one core.
    """
    room = cores * FILLED
    most = SHARE * makes.rate
    if makes.cpu:
        most = min(most, room / makes.cpu)
    processes = math.ceil(round(rate / most, 9))
    each = rate / processes
    taken = each * makes.cpu if makes.cpu else None
    fit = max(1, math.floor(room / (taken or 1.0) + 1e-9))
    machines = math.ceil(processes / fit)
    on_each = math.ceil(processes / machines)
    return FleetPlan(processes, machines, on_each, cores, each, taken, each / makes.rate, on_each * each * size)
