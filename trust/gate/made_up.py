"""Gates on made-up pairs of machines whose noise is known: `python -m trust.gate.made_up`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.report.block import Block
from trust.gate import figures
from trust.gate.rates import TIMES, alarms, power
from trust.gate.world import MACHINES

FIGURES = "made-up.json"


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the rates as a section of the page."""
    lead = (
        "The log of a trial's p99 is made up: with memory from trial to trial, drift, and bursts that last for two "
        "trials in the mean. Each gate is calibrated by 20 pairs of its own, which say what it promises to tell."
    )
    return figures.rates_block("Made-up pairs of machines whose noise is known", lead, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print and write the figures; 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate.made_up", description=__doc__)
    parser.add_argument("--gates", type=int, default=1000, help="A/A gates a machine; half as many for power")
    parser.add_argument("--out", type=Path, default=figures.OUT)
    asked = parser.parse_args(arguments)
    command = "trust.gate.made_up", "--gates", asked.gates
    if (done := figures.there(asked.out / FIGURES, *command)) is not None:
        return done
    rng = np.random.default_rng(20)
    false = [figures.said(alarms(machine, asked.gates, rng)) for machine in MACHINES]
    found = [figures.said(power(one, times, asked.gates // 2, rng)) for one in MACHINES for times in TIMES]
    return figures.write(asked.out / FIGURES, {"alarms": false, "power": found}, *command)


if __name__ == "__main__":
    sys.exit(main())
