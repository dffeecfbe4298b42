"""Gates on A/A pairs recorded on a real Kafka: `python -m trust.gate.recorded`.

Trials of one scenario against itself on the embedded cluster, in the order of a gate; the session stays open, and a
recording that was broken off goes on. Their metrics stand in `trials.json`; where as many pairs are there as are
asked for, they are judged and not recorded anew (`--anew` does).

Gates are resampled from the recorded pairs in blocks of `BLOCK` that follow one another, from a random one on and
around the end, so that memory, drift and bursts within a block are those of the machine. By a coin the sides of every
two pairs (ABBA) are exchanged, as the order of a gate is thrown: both sides were the same. Effects are planted by
scaling the candidate's metric. Two pairs of which the load generator limited a trial are left out: a gate sets such
a pair aside, and drawn twice it would be of a machine that a gate refuses to judge.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.gate import store
from loadkit.gate.record import Pair, Trial
from loadkit.gate.record import pairs as paired
from loadkit.report.block import Block
from trust.about import about
from trust.gate import command, figures
from trust.gate.rates import METRIC, THRESHOLD, TIMES, alarms, power

TRIALS, FIGURES = "trials.json", "recorded.json"
PAIRS = 40
BLOCK = 4
"""Pairs that stay together: eight trials."""
KEPT = (
    "latency.p50", "latency.p90", "latency.p99", "latency.mean", "service_time.p50", "service_time.p99",
    "end_to_end.p50", "end_to_end.p99", "throughput", "client.cpu_per_message", "client.cpu_per_mb", "batch.size",
    "requests.per_mb", "wire.bytes",
)  # fmt: skip
"""Metrics that are kept of every trial."""
JUDGED = (METRIC, "latency.p50", "end_to_end.p50", "client.cpu_per_mb", "requests.per_mb")
"""Metrics whose gates are counted; the first is the default one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Recorded pairs as a source of gates."""

    metric: str
    recorded: Sequence[Pair]

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"recorded {self.metric}"

    def pairs(self, count: int, effect: float, seed: int, rng: np.random.Generator) -> list[Pair]:
        """Return so many pairs in blocks, the candidate's metric larger by `effect` (a share)."""
        half = len(self.recorded) // 2
        starts = 2 * rng.integers(0, half, -(-count // BLOCK))
        drawn = [self.recorded[(start + at) % (2 * half)] for start in starts.tolist() for at in range(BLOCK)]
        coins = np.repeat(rng.random(-(-len(drawn) // 2)) < 0.5, 2)
        return [
            self._pair(number, pair, bool(swap), effect)
            for number, (pair, swap) in enumerate(zip(drawn[:count], coins, strict=False))
        ]

    def _pair(self, number: int, pair: Pair, swap: bool, effect: float) -> Pair:
        one, other = (pair.candidate, pair.baseline) if swap else (pair.baseline, pair.candidate)
        made = [
            Trial(number, side, trial.place, "", {self.metric: (trial.metrics[self.metric] or 0.0) * (1 + more)},
                  limit=trial.limit)
            for side, trial, more in (("baseline", one, 0.0), ("candidate", other, effect))
        ]  # fmt: skip
        return Pair(*made)


def record(count: int, out: Path, work: Path) -> None:
    """Record so many pairs and write their metrics. Raises RuntimeError where the recording did not come to its end."""
    folder = f"recorded-{count}"
    words = ("--calibrate", "--baseline", "embedded", "--fail-if", THRESHOLD, "--max-pairs", str(count))
    code, _ = command.run(*words, work=work, out=folder)  # 3 where there are too few pairs for a calibration
    document = store.read(work / folder)
    if document["status"] != "complete":
        raise RuntimeError(f"the recording ended with exit code {code}")
    rows = [
        {
            "pair": trial.pair, "side": trial.side, "place": trial.place, "limit": trial.limit,
            "started_at": trial.started_at, "seconds": trial.seconds,
            "metrics": {name: _short(trial.metrics.get(name)) for name in KEPT},
        }
        for trial in store.trials_of(document)
    ]  # fmt: skip
    kept = {
        "schema": 1, "scenario": document["scenario"], "sides": document["sides"], "duration": document["duration"],
        "warmup": document["warmup"], "environment": document["environment"], "trials": rows,
        **about(["python", "-m", "trust.gate.recorded", "--pairs", str(count)], work / folder),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / TRIALS).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def read(out: Path) -> list[Pair]:
    """Return the pairs that were recorded; none where there is no recording."""
    if not (out / TRIALS).exists():
        return []
    rows = json.loads((out / TRIALS).read_text("utf-8"))["trials"]
    return paired([Trial(folder="", **row) for row in rows])


def usable(found: Sequence[Pair]) -> list[Pair]:
    """Return the pairs by twos (ABBA), without those of which the load generator limited a trial."""
    twos = [found[at : at + 2] for at in range(0, len(found) - 1, 2)]
    return [pair for two in twos if not any(pair.limited for pair in two) for pair in two]


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the rates on recorded pairs as a section of the page."""
    lead = (
        f"{found['pairs']} pairs of trials of {command.SCENARIO} at {command.RATE} against itself on the embedded "
        f"cluster, brokers and generator on one machine; gates are resampled from them in blocks of {BLOCK} pairs, "
        f"and effects planted by scaling. Each gate is calibrated by 20 pairs of its own. {found['left_out']} pairs "
        "were left out because the load generator limited a trial of theirs or their neighbours'."
    )
    return figures.rates_block("Pairs recorded on a real Kafka", lead, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Record what is missing, judge, print and write the figures; 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m trust.gate.recorded", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--gates", type=int, default=1000, help="A/A gates a metric; half as many for power")
    parser.add_argument("--anew", action="store_true", help="record, whatever was recorded before")
    parser.add_argument("--out", type=Path, default=figures.OUT)
    parser.add_argument("--work", type=Path, default=figures.WORK, help="folder of the trials themselves")
    asked = parser.parse_args(arguments)
    if asked.anew or len(read(asked.out)) < asked.pairs:
        record(asked.pairs, asked.out, asked.work)
    everything = read(asked.out)
    recorded = usable(everything)
    if len(recorded) < BLOCK:
        print(f"{len(recorded)} usable pairs are too few to draw blocks of {BLOCK} from", file=sys.stderr)
        return 1
    rng = np.random.default_rng(22)
    sources = [Recorded(metric, recorded) for metric in JUDGED if all(_known(pair, metric) for pair in recorded)]
    found: dict[str, Any] = {
        "pairs": len(recorded),
        "left_out": len(everything) - len(recorded),
        "lanes": json.loads((asked.out / TRIALS).read_text("utf-8"))["lanes"],
        "alarms": [figures.said(alarms(one, asked.gates, rng)) for one in sources],
        "power": [figures.said(power(one, times, asked.gates // 2, rng)) for one in sources for times in TIMES],
    }
    return figures.write(
        asked.out / FIGURES, found, "trust.gate.recorded", "--pairs", asked.pairs, "--gates", asked.gates
    )


def _known(pair: Pair, metric: str) -> bool:
    return all((trial.metrics.get(metric) or 0.0) > 0 for trial in (pair.baseline, pair.candidate))


if __name__ == "__main__":
    sys.exit(main())
