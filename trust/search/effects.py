"""How often the effects' intervals hold their truth: `python -m trust.search.effects [--sweeps 2000]`.

Sweeps are drawn with known effects of knobs, pairs and triples, blocks that differ, and noise that differs from point
to point; one knob does nothing. Effects are estimated as for a report. What is written: of how many intervals the truth
was inside (95 % is claimed), and in how many sweeps the idle knob was said to do something (at most 5 % is claimed).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.analysis.effects import Effect, Effects, Observation, effects
from trust.about import about

OUT = Path("reports/trust/search")
FIGURES = "effects.json"
CLAIMED, BLAMED = 0.95, 0.05
SLACK = 0.02
"""How far a coverage may lie from what is claimed: the chance of so many sweeps is well below it."""
NOISE = 0.06
"""Standard deviation of the log of one trial's metric at a typical point: 6 %."""
Cell = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """How a sweep was laid out, and what its truth and its noise are like."""

    name: str
    levels: tuple[int, ...] = (3, 2, 3, 2)
    """Levels of each knob; the last knob does nothing."""
    repeats: int = 3
    base: int = 4
    """Further trials of the base point."""
    spread: float = 0.0
    """How much noise differs between points (log); 1: a factor of seven between the quietest and the noisiest sixth."""
    heavy: bool = False
    """Noise with Student's t of 4 degrees of freedom instead of normal."""
    pairs: float = 0.1
    triples: float = 0.05
    kept: Callable[[Cell], bool] = lambda cell: True
    """Which cells of the grid are tried."""


def _one_at_a_time(cell: Cell) -> bool:
    return sum(level > 0 for level in cell) <= 1


def _half(cell: Cell) -> bool:
    """Half of five knobs of two levels, resolution V: every pair can be told from every other."""
    return sum(cell) % 2 == 0


def _without_a_corner(cell: Cell) -> bool:
    return not (cell[0] == 2 and cell[2] == 2)


DESIGNS = (
    Design("full grid, equal noise"),
    Design("full grid, noise differs", spread=0.8),
    Design("full grid, heavy tails", heavy=True),
    Design("full grid, two repeats", repeats=2, base=2, spread=0.5),
    Design("full grid, only the base repeated", repeats=1, base=6),
    Design("one knob at a time", pairs=0, triples=0, spread=0.5, kept=_one_at_a_time),
    Design("half of two to the fifth", levels=(2, 2, 2, 2, 2), triples=0, spread=0.5, kept=_half),
    Design("grid without a corner", pairs=0, triples=0, spread=0.5, kept=_without_a_corner),
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What came of many sweeps of one design."""

    design: str
    sweeps: int
    main_intervals: int
    main_inside: float
    pair_intervals: int
    pair_inside: float | None
    idle_claimed: float
    """Share of sweeps in which the knob that does nothing was said to do something."""
    median_half_width: float
    """Of main effects, as a share: 0.05 is 5 %."""


def truth_of(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Return the log of the metric at each cell of the grid, without noise."""
    knobs = range(len(design.levels) - 1)  # the last one does nothing
    table = np.full(design.levels, np.log(0.01))
    for order, size in ((1, 0.3), (2, design.pairs), (3, design.triples)):
        for together in itertools.combinations(knobs, order):
            shape = [design.levels[at] if at in together else 1 for at in range(len(design.levels))]
            table = table + rng.normal(0, size, shape)
    return table


def trials_of(design: Design, table: np.ndarray, rng: np.random.Generator) -> list[Observation]:
    """Return the trials of one sweep, in blocks by repeat."""
    cells = [cell for cell in itertools.product(*map(range, design.levels)) if design.kept(cell)]
    sigma = {cell: NOISE * np.exp(rng.normal(0, design.spread)) for cell in cells}
    blocks = rng.normal(0, 0.1, design.repeats)
    rounds = [(cell, block) for block in range(design.repeats) for cell in cells]
    rounds += [(cells[0], at % design.repeats) for at in range(design.base)]
    found = []
    for cell, block in rounds:
        noise = rng.standard_t(4) / np.sqrt(2) if design.heavy else rng.normal()
        log = table[cell] + blocks[block] + sigma[cell] * noise
        found.append(
            Observation(str(cell), {f"k{at}": level for at, level in enumerate(cell)}, block, float(np.exp(log)))
        )
    return found


def estimate(design: Design, trials: Sequence[Observation]) -> Effects:
    """Return the effects as a report would have them."""
    axes = {f"k{at}": tuple(range(levels)) for at, levels in enumerate(design.levels)}
    found = effects(axes, dict.fromkeys(axes, 0), trials)
    assert found
    return found


def inside(effect: Effect, table: np.ndarray) -> Iterator[bool]:
    """Yield of each change of an effect whether its interval holds the truth: that of the mean over all other knobs."""
    knobs = [int(path[1:]) for path in effect.paths]
    means = table.mean(axis=tuple(at for at in range(table.ndim) if at not in knobs))
    for change in effect.changes:
        if len(knobs) == 1:
            truth = means[change.levels[0]] - means[effect.reference[0]]
        else:
            (one, other), (a, b) = change.levels, effect.reference
            truth = means[one, other] - means[one, b] - means[a, other] + means[a, b]
        yield bool(change.contrast.low <= truth <= change.contrast.high)


def measure(design: Design, sweeps: int, seed: int = 1) -> Coverage:
    """Return the coverage of a design over many sweeps."""
    rng = np.random.default_rng(seed)
    mains: list[bool] = []
    pairs: list[bool] = []
    claimed, widths = 0, []
    idle = f"k{len(design.levels) - 1}"
    for _ in range(sweeps):
        table = truth_of(design, rng)
        found = estimate(design, trials_of(design, table, rng))
        for effect in found.mains:
            mains += inside(effect, table)
            widths += [(change.contrast.high - change.contrast.low) / 2 for change in effect.changes]
            claimed += effect.paths == (idle,) and effect.told
        for effect in found.interactions:
            pairs += inside(effect, table)
    return Coverage(
        design.name, sweeps, len(mains), float(np.mean(mains)), len(pairs), float(np.mean(pairs)) if pairs else None,
        claimed / sweeps, float(np.expm1(np.median(widths))),
    )  # fmt: skip


def met(found: Mapping[str, Any]) -> bool:
    """Return whether every design's intervals hold what they claim."""
    designs = found["designs"]
    inside = [one[name] for one in designs for name in ("main_inside", "pair_inside") if one[name] is not None]
    return min(inside) >= CLAIMED - SLACK and max(one["idle_claimed"] for one in designs) <= BLAMED + SLACK


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every design, print a line of each and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=2000, help="of each design")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for design in DESIGNS:
        one = measure(design, asked.sweeps)
        rows.append(asdict(one))
        pairs = "none told" if one.pair_inside is None else f"{one.pair_inside:.1%}"
        print(
            f"{one.design:36} mains {one.main_inside:.1%}  pairs {pairs}  "
            f"idle knob claimed {one.idle_claimed:.1%}  half width {one.median_half_width:.1%}"
        )
    found = {"schema": 1, "claimed": CLAIMED, "noise": NOISE, "designs": rows,
             **about(["python", "-m", "trust.search.effects", "--sweeps", str(asked.sweeps)])}  # fmt: skip
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / FIGURES).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if met(found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
