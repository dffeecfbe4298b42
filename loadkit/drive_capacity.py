"""`loadkit calibrate`: what one load process of this machine makes, flat out, by message size and setting.

Every measurement is a trial as `loadkit run` makes it, against librdkafka's mock cluster in the same process (the
client does all its work, and nothing slows it but the mock's own thread) or against the simulated sink (the load loop
alone).
What is found is stored for the class of the machine, and `calibrated` puts it beside every later trial.
"""
# ruff: noqa: RUF012 (declarations, not state)

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from loadkit import session  # isort: skip - it brings Locust, which patches sockets before anything else opens one
from loadkit import calibrated
from loadkit.boundaries import Options
from loadkit.capacity import CLASS, Point, Setting, changes, settings
from loadkit.changes import options_facts, with_settings
from loadkit.errors import RunError
from loadkit.progress import Counted, Shown
from loadkit.result import Row, load
from loadkit.scenario import Scenario, Topic
from loadkit.scenario_file import ScenarioFile
from loadkit.summary import MEGA, summarise
from loadkit.swarm import scenario_of
from loadkit.telemetry.host import environment, machine
from loadkit.units import format_duration, format_rate, format_size
from loadkit.users import ProducerUser

MOCK, SINK = "simulated?mock=1", "simulated?sink=1"
FLAT_OUT = 20e6
"""Messages a second that are offered: more than any process makes."""
OTHERS = 0.1
"""Share of the machine that others may take meanwhile; above it the figures are shown and judge nothing."""


class Flood(ProducerUser):
    """Far more messages due than anything can take."""

    topic = Topic("flood", partitions=6)
    rate = FLAT_OUT
    payload = "constant(size='1KiB')"
    config = {"linger.ms": 5, "batch.size": 65536}


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of each trial."""

    warmup: float
    measured: float


FULL, QUICK = Length(1.0, 2.0), Length(0.5, 1.0)


def calibrate(quick: bool, quiet: bool) -> dict[str, Any]:
    """Return the document of a calibration, which is stored for later trials on machines of this class."""
    wanted = [(setting, size) for setting, sizes in settings(quick) for size in sizes]
    with closing(Shown(sys.stderr)) as shown:
        made = list(measured(wanted, QUICK if quick else FULL, Counted(shown), shown.say))
    points, others = [point for point, _ in made], round(fmean(beside for _, beside in made), 3)
    found = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()), "host": machine(), "environment": environment(),
        "others": others, "busy": others > OTHERS, "quick": quick, "points": [point.facts() for point in points],
    }  # fmt: skip
    place = calibrated.store(machine(), found)
    stream = sys.stderr if quiet else sys.stdout
    Console(file=stream, width=None if stream.isatty() else 100).print(table(points))
    print(f"stored for {machine()['name']}: {place}", file=stream)
    for warning in (warnings := _warnings(others)):
        print(f"{warning['text']}: {warning['next']}", file=stream)
    return {
        "schema": 1, "command": "calibrate", "status": "complete", "limit": "generator", "verdict": None,
        "metrics": {}, "withheld": {}, "warnings": warnings, "out": str(place),
        "host": found["host"], "points": found["points"],
    }  # fmt: skip


def measured(
    wanted: Sequence[tuple[Setting, int]], length: Length, counted: Counted, say: Callable[[str], None]
) -> Iterator[tuple[Point, float]]:
    """Yield what each setting and size made, and which share of the machine others took meanwhile.

    Raises LoadkitError; a trial that fails ends the calibration.
    """
    file = ScenarioFile(scenario_of([Flood], "calibrate"), [Flood], Path(__file__))
    seconds = len(wanted) * (length.warmup + length.measured + 2)
    say(f"{len(wanted)} measurements, about {format_duration(seconds)}")
    with TemporaryDirectory(prefix="loadkit-calibrate-") as place:
        for target in (MOCK, SINK):
            mine = [one for one in wanted if (one[0].lane == "sink") == (target == SINK)]
            if not mine:
                continue
            with session.session(file, target, counted, say) as trials:
                for number, (setting, size) in enumerate(mine, 1):
                    counted.begin(f"{number} of {len(mine)}", f"{format_size(size)}, {setting}")
                    yield _one(trials, file.scenario, setting, size, length, Path(place) / f"{target[10:14]}-{number}")


def _one(
    trials: session.Session, scenario: Scenario, setting: Setting, size: int, length: Length, out: Path
) -> tuple[Point, float]:  # fmt: skip
    """Return what one process makes at a setting and size, and which share of the machine others took meanwhile."""
    asked = with_settings(scenario, changes(setting, size))
    options = Options(
        out=out, duration=length.measured, warmup=length.warmup, drain_timeout=10.0,
        facts=options_facts("calibrate", asked, None, ()),
    )  # fmt: skip
    trials.trial(asked, options)
    result = load(out)
    metrics = summarise(result).metrics
    rate = metrics.get("throughput")
    if not rate:
        raise RunError(f"calibrating {format_size(size)} by {setting}: nothing was confirmed; run it again")
    lane = str(result.facts["classes"][CLASS]["lane"]).partition(" ")[0]
    point = Point(replace(setting, lane=lane), float(size), round(rate, 1), metrics.get("client.cpu_per_message"))
    return point, _others(result.of_kind("host"))


def _others(rows: Sequence[Row]) -> float:
    """Return the share of the machine's cores that others than this process took; 0 where nothing tells."""
    shares = [row["busy"] - row["cpu"] / len(row["cores"]) for row in rows if row.get("cores")]
    return max(0.0, fmean(shares)) if shares else 0.0


def table(points: Iterable[Point]) -> Table:
    """Return what was found as a table: a row a setting, a column a size."""
    by_setting: dict[Setting, dict[float, Point]] = {}
    for point in points:
        by_setting.setdefault(point.setting, {})[point.size] = point
    sizes = sorted({size for row in by_setting.values() for size in row})
    made = Table(title="what one load process makes (messages/s, and MB/s)", title_justify="left")
    made.add_column("setting")
    for size in sizes:
        made.add_column(format_size(size), justify="right")
    for setting, row in by_setting.items():
        made.add_row(str(setting), *(_cell(row.get(size)) for size in sizes))
    return made


def _cell(point: Point | None) -> str:
    return f"{format_rate(point.rate)}\n{point.rate * point.size / MEGA:,.0f} MB/s" if point else ""


def _warnings(others: float) -> list[dict[str, str]]:
    """Return what makes a calibration doubtful: others that worked on the machine meanwhile."""
    if others <= OTHERS:
        return []
    text = f"others took {others:.0%} of the machine meanwhile: a process makes more than this when they do not"
    return [{"code": "busy", "text": text, "next": "repeat it while nothing else runs; until then it judges no trial"}]
