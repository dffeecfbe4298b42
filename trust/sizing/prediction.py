"""Whether a fit predicts what was not measured: `python -m trust.sizing.prediction`, about 25 minutes.

On an embedded cluster of one node and of three, a steady load runs with settings drawn at random: some are fitted, as
`loadkit size --from` fits them, and the others, whose batches, lingers, partitions and sizes the fit has not seen, are
predicted from their settings alone: busy cores of a broker, with the interval in which a measurement lies with 90 %.
Fitted and held-out trials take turns, and some of the held-out ones are run three times, which tells the noise of
repeats. Trials lie under `--work` and are not run twice; `prediction.json` has the figures. Exit code 1 if the median
error is above 15 % or fewer than 85 % of the intervals hold.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loadkit.result import RESULT
from loadkit.sizing import ceilings, evidence
from loadkit.sizing.model import cpu, network, requests
from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec
from trust.about import about

FIGURES = "prediction.json"
OUT, WORK = Path("reports/trust/sizing"), Path("reports/trust-prediction-work")
SCENARIO = Path(__file__).parent / "steady.py"
SENDERS, READERS, KEY = 2, 1, 8
OVERHEAD, BATCH = 10, 61
"""Bytes of a record beside key and value, and of a batch's head (record format 2, KIP-98)."""
FITTED, HELD, REPEATED = 16, 14, 3
"""Settings of each cluster; of the held-out ones so many are run three times."""
MEDIAN, INSIDE = 0.15, 0.85
CHOICES = {
    (1, True): {"batch": (16_384, 131_072), "linger": (2, 20), "partitions": (6, 24), "size": (200, 2000)},
    (1, False): {"batch": (32_768, 65_536), "linger": (5, 10), "partitions": (3, 12, 18), "size": (100, 500, 1000)},
    (3, True): {"batch": (16_384, 131_072), "linger": (20, 100), "partitions": (3, 12), "size": (200, 2000)},
    (3, False): {"batch": (32_768, 65_536), "linger": (40, 60), "partitions": (6, 9), "size": (100, 500, 1000)},
}
"""By nodes and whether it is fitted: values that the other part never has."""
RATES, MOST = {1: (500, 20_000), 3: (100, 1500)}, 8e6
"""Messages a second, drawn evenly by their logarithm, and the most bytes a second. Three nodes on two cores are busy
by themselves: at more requests than these rates make, the machine is full and tells nothing of a broker.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One steady load."""

    nodes: int
    fitted: bool
    batch: int
    linger: int
    """In ms."""
    partitions: int
    size: int
    rate: int

    def load(self) -> cpu.Load:
        """Return what a broker is predicted to do in a second, from the settings alone."""
        record = self.size + KEY + OVERHEAD
        each = requests.batch(self.batch, self.rate * record / SENDERS, self.linger / 1e3, self.partitions, record)
        batches = self.rate * record / each
        write = self.rate * record + batches * BATCH
        produced = batches / self.nodes
        asked = produced + (READERS + self.nodes - 1) * requests.fetches(produced)
        into = network.into_broker(write, self.nodes, self.nodes)
        out = network.out_of_broker(write, self.nodes, write * READERS, self.nodes)
        return cpu.Load(cpu.work(into, out), self.rate, asked)

    def sets(self) -> Iterator[str]:
        """Yield it as `loadkit run` takes it."""
        for path, value in (
            ("Sender.config.batch.size", self.batch), ("Sender.config.linger.ms", self.linger),
            ("steady.partitions", self.partitions), ("Sender.payload.size", f"{self.size}B"),
            ("Sender.rate", f"{self.rate}/s"),
        ):  # fmt: skip
            yield from ("--set", f"{path}={value}")


def settings(nodes: int, fitted: bool, n: int, rng: np.random.Generator) -> list[Setting]:
    """Return so many settings: every combination of the extremes where they are as many, else drawn."""
    values = CHOICES[nodes, fitted]
    grid = list(itertools.product(*values.values()))
    chosen = [grid[at] for at in rng.permutation(len(grid))[:n]]
    found = []
    for batch, linger, partitions, size in chosen:
        least, most = RATES[nodes]
        rate = math.exp(rng.uniform(math.log(least), math.log(min(most, MOST / size))))
        found.append(Setting(nodes, fitted, batch, linger, partitions, size, round(rate)))
    return found


def trials(nodes: int) -> list[tuple[str, Setting]]:
    """Return the name of each trial and its setting, in the order in which they run."""
    rng = np.random.default_rng(nodes)
    fitted, held = settings(nodes, True, FITTED, rng), settings(nodes, False, HELD, rng)
    named = [(f"fit/{number:02}", one) for number, one in enumerate(fitted)]
    named += [(f"held/{number:02}-0", one) for number, one in enumerate(held)]
    named += [(f"held/{number:02}-{again}", held[number]) for number in range(REPEATED) for again in (1, 2)]
    return [named[at] for at in rng.permutation(len(named))]


def run(cluster: EmbeddedCluster, setting: Setting, place: Path, seconds: int = 10) -> None:
    """Run one trial; nothing where it is there already."""
    if (place / RESULT).exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    target = place.parent / "target.toml"
    target.write_text(embedded.target_toml(cluster), encoding="utf-8")
    words = ["run", str(SCENARIO), "--target", str(target), "--duration", f"{seconds}s", "--warmup", "3s",
             *setting.sets(), "--out", str(place), "--json"]  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "loadkit", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"loadkit {' '.join(words)} ended with exit code {done.returncode}: {done.stderr[-500:]}")


def measure(nodes: int, work: Path) -> None:
    """Run all trials of a cluster that are not there yet, after two minutes of load: until then its JVMs compile."""
    left = [(name, one) for name, one in trials(nodes) if not (work / name / RESULT).exists()]
    if not left:
        return
    with embedded.start(EmbeddedSpec.parse(f"embedded:{nodes}")) as cluster:
        with tempfile.TemporaryDirectory() as warm:
            run(cluster, Setting(nodes, True, 16_384, 2, 24, 200, 8000), Path(warm) / "small" / "run", 70)
            run(cluster, Setting(nodes, True, 131_072, 20, 6, 2000, 3000), Path(warm) / "large" / "run", 50)
        for number, (name, one) in enumerate(left, 1):
            print(f"{nodes} nodes, {number} of {len(left)}: {name} {one}", flush=True)
            run(cluster, one, work / name)


def busy(folder: Path) -> tuple[float, float]:
    """Return the mean busy cores and the mean requests a second of a trial's brokers."""
    (point,) = evidence.gather([folder]).points
    cores = [cores for _, cores in point.busy]
    return sum(cores) / len(cores), sum(load.requests for load, _ in point.busy) / len(cores)


def predicted(nodes: int, work: Path) -> list[dict[str, Any]]:
    """Return prediction and measurement of each held-out trial."""
    cost = ceilings.measure(evidence.gather([work / "fit"]), demo=True).cpu
    if cost is None:
        raise RuntimeError(f"{work / 'fit'}: its trials do not tell what load costs")
    rows = []
    for name, one in sorted(trials(nodes)):
        if one.fitted:
            continue
        load = one.load()
        made, (cores, asked) = cost.cores(load), busy(work / name)
        rows.append({**asdict(one), "trial": name.rpartition("/")[2], "predicted": made.facts(), "measured": cores,
                     "error": made.mid / cores - 1, "inside": made.low <= cores <= made.high,
                     "requests": {"predicted": load.requests, "measured": asked}})  # fmt: skip
    return rows


def repeats(rows: Sequence[dict[str, Any]]) -> float:
    """Return the median relative difference between two repeats of one setting."""
    by: dict[tuple[int, str], list[float]] = {}
    for row in rows:
        by.setdefault((row["nodes"], row["trial"].partition("-")[0]), []).append(row["measured"])
    apart = [abs(a / b - 1) for same in by.values() for a, b in itertools.combinations(same, 2)]
    return float(np.median(apart))


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the first trial of each held-out setting, and the noise of repeats."""
    first = [row for row in rows if row["trial"].endswith("-0")]
    median, noise = float(np.median([abs(row["error"]) for row in first])), repeats(rows)
    return {
        "settings": len(first), "median_error": median, "repeat_noise": noise, "times_noise": median / noise,
        "inside": sum(row["inside"] for row in first) / len(first),
        "width": float(np.median([row["predicted"][2] / row["predicted"][1] - 1 for row in first])),
        "requests_error": float(np.median([abs(row["requests"]["predicted"] / row["requests"]["measured"] - 1)
                                           for row in first])),
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, predict, write `prediction.json`, print the figures; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the trials")
    asked = parser.parse_args(arguments)
    rows = []
    for nodes in (1, 3):
        measure(nodes, asked.work / f"{nodes}")
        rows += predicted(nodes, asked.work / f"{nodes}")
    by = {"all": figures(rows), **{f"{n} nodes": figures([row for row in rows if row["nodes"] == n]) for n in (1, 3)}}
    held = by["all"]["median_error"] <= MEDIAN and by["all"]["inside"] >= INSIDE
    asked.out.mkdir(parents=True, exist_ok=True)
    ran = about(["python", "-m", "trust.sizing.prediction"], asked.work)
    document = {"held": held, "figures": by, "trials": rows, **ran}
    (asked.out / FIGURES).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for name, found in by.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in found.items()))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
