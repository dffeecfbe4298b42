"""Which side goes first in each pair, and the seed of each trial; pure."""

from __future__ import annotations

from random import Random

SIDES = ("baseline", "candidate")


def order(seed: int, pair: int) -> tuple[str, str]:
    """Return the sides of a pair (0, 1, ...) in the order in which they run.

    Two pairs make a block, ABBA or BAAB by the throw of a coin: a linear drift within a block falls out, and no
    rhythm of the machine goes with one side.
    """
    first = Random(f"gate {seed} {pair // 2}").random() < 0.5
    return SIDES if first != bool(pair % 2) else (SIDES[1], SIDES[0])


def trial_seed(seed: int, pair: int, side: str) -> int:
    """Return the scenario's seed of a trial: none is used twice, so that trials are independent."""
    return 1 + 100_000 * seed + 2 * pair + SIDES.index(side)
