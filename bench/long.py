"""What only shows in time: memory over ten minutes, and the page of an hour's run: `python -m bench.long`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench import table
from bench.__main__ import QUIET, say
from bench.about import about, load_now
from bench.case import Case
from bench.cases import judged
from bench.figures import Criterion
from bench.lab import Lab, open_lab
from bench.process import run
from loadkit.result import Row

MIB = float(1 << 20)
_FIRST = 60.0
_HOUR = "import sys; from pathlib import Path; import result_fixture; result_fixture.hour(Path(sys.argv[1]))"


def memory(lab: Lab) -> Case:
    """Return how resident memory grows in ten minutes at 100,000 messages a second."""
    seconds = lab.length(600)
    trial = lab.loadkit("long", 5, seconds)
    start, end = trial.measured
    figures = growth(trial.rows, start, end, min(_FIRST, seconds / 2))
    figures |= {name: trial.metric(name) for name in ("throughput", "latency.p99", "lost", "duplicated", "reordered")}
    figures["unsent"] = trial.metric("unsent")
    return Case(
        "memory",
        "Memory over ten minutes at 100,000 messages a second",
        f"100 B, produced and read back in one process with every check on, {seconds:g} s. Resident memory of the "
        "process each second: the highest after the first minute against the highest in it.",
        [{"loadkit": figures}],
        [
            Criterion("rate that was kept", (figures["throughput"],), "msg/s", floor=0.99 * 100_000),
            Criterion("growth of memory after the first minute", (figures["growth"] / MIB,), "MiB", "<=", floor=50.0),
        ],
    )  # fmt: skip


def growth(rows: list[Row], start: float, end: float, first: float) -> dict[str, float]:
    """Return resident bytes of [start, end) by host rows: highest in the first seconds, highest later, difference."""
    sizes = [(row["t"] - start, row["rss"]) for row in rows if row["kind"] == "host" and start <= row["t"] < end]
    early, later = [size for t, size in sizes if t < first], [size for t, size in sizes if t >= first]
    last = later[-max(1, len(later) // 10) :]
    return {"first": max(early), "highest": max(later), "last_tenth": median(last), "growth": max(later) - max(early)}


def page(lab: Lab, times: int) -> Case:
    """Return how long `loadkit report` takes for an hour of seven series; the folder comes from the tests' fixture."""
    root = Path(__file__).parent.parent
    rounds: list[dict[str, Any]] = []
    out = lab.folder / "hour"
    program = f"import sys; sys.path.insert(0, {str(root / 'tests')!r}); {_HOUR}"
    run([sys.executable, "-c", program, str(out)], lab.folder)
    for _ in range(times):
        ran = run([sys.executable, "-m", "loadkit", "report", str(out), "--json"], lab.folder)
        size = (out / "report.html").stat().st_size
        rounds.append({"loadkit": {"seconds": ran.wall, "cpu": ran.cpu, "rss": ran.rss, "page_bytes": size}})
        say(f"  page: {ran.wall:.1f} s")
    return Case(
        "page",
        "The page of an hour",
        "`loadkit report` on a made-up run of 3,600 s with two producing classes and a consuming one: start of Python, "
        "reading, summary, table and page.",
        rounds,
        [Criterion("wall time", tuple(one["loadkit"]["seconds"] for one in rounds), "s", "<=", floor=10.0)],
    )  # fmt: skip


def main() -> int:
    """Return the exit code: 1 when a floor is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.long", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the ten minutes")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="folder of bench.md and bench.json")
    asked = parser.parse_args()
    out, load = asked.out.resolve(), load_now()
    if load > QUIET:
        say(f"this machine is busy ({load:.1f} runnable processes): figures will say little of loadkit")
    with open_lab(say, asked.scale) as lab:
        where = about(lab, ["python", "-m", "bench.long", *sys.argv[1:]], load)
        say("page: an hour's run, five times")
        cases = [page(lab, 5 if asked.scale >= 1 else 1)]
        table.keep(out, cases[0], where)
        say(f"memory: {lab.length(600):.0f} s")
        cases.append(memory(lab))
        written = table.keep(out, cases[1], where)
    print(written.read_text("utf-8"))
    missed = judged(cases)
    for one in missed:
        say(f"floor not met: {one}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
