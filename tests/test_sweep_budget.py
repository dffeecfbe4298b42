"""`--budget`: the grid where it fits, a choice where it does not, and which trials are given up; as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import run_all
from running import Command
from sweep_world import World, axes

from loadkit.errors import UsageError
from loadkit.sweep.budget import Budget, hopeless, strategy_for
from loadkit.sweep.guided import Guided
from loadkit.sweep.order import Grid
from loadkit.sweep.spec import Record, Strategy, Sweep

TARGET = "simulated?service_rate=6k/s&request_overhead=1ms&byte_rate=4MB/s&noise=0.3"
SCENARIO = """
from loadkit import ProducerUser, Topic, payloads
orders = Topic("orders", partitions=3)
class Checkout(ProducerUser):
    topic = orders
    rate = "500/s"
    payload = payloads.random(size="1KiB", compressibility=0.5)
    config = {"linger.ms": 5, "batch.size": 16384}
"""
VARY = (
    "--vary linger.ms=0,2,5,10,30 --vary batch.size=2KiB,8KiB,32KiB --vary Checkout.rate=300/s,500/s,1k/s "
    "--vary orders.partitions=3,12 --vary compression.type=none,lz4 --vary acks=all,1"
)
FEW = "--vary linger.ms=0,1,2,5,7,10,20,30 --vary Checkout.rate=100/s,200/s,300/s,400/s,500/s,600/s,800/s,1k/s"


def chosen(seconds: float | None, **fields: Any) -> Strategy:
    here = World(axes(a=range(4), b=range(5)), lambda settings, repeat: {"throughput": 1.0, "latency.p99": 1.0})
    return strategy_for(Sweep(tuple(here.axes), budget=seconds, **fields), here, len)


def test_the_grid_where_it_fits_or_there_is_no_budget() -> None:
    """20 points and 4 times the base point are 23 trials of a second each; with two repeats they are 46."""
    assert isinstance(chosen(None), Grid)
    assert isinstance(chosen(23), Grid)
    assert isinstance(chosen(22), Guided)
    assert isinstance(chosen(23, repeats=2), Guided)


def test_a_budget_below_one_trial_is_refused() -> None:
    """It says how long one takes."""
    with pytest.raises(UsageError, match=r"--budget 500 ms is less than one trial takes, about 1.00 s"):
        chosen(0.5)


def record(seconds: float | None, place: int = 0, **metrics: float | None) -> Record:
    named = {name.replace("_", "."): value for name, value in metrics.items()}
    return Record(f"p{place:03d}", 0, place, "", "complete", seconds=seconds, metrics=named)


def test_what_is_left_follows_what_trials_took() -> None:
    """As modelled before the first; then the median, so that the start of a cluster does not count for all."""
    budget = Budget(100.0, modelled=9.0)
    assert budget.left(()) == 11
    assert budget.left([record(40.0)]) == 1
    assert budget.left([record(40.0), record(10.0), record(10.0)]) == 4
    assert budget.left([record(60.0), record(60.0)]) == 0
    assert budget.left([record(None)]) == 11


@pytest.mark.parametrize(
    ("throughput", "p99", "given_up"),
    [
        (1000.0, 0.021, True),  # as fast, twice as late
        (1000.0, 0.019, False),
        (1100.0, 0.9, False),  # late, but more than any other
        (490.0, 0.010, True),
        (1004.0, 0.030, True),  # less than half a percent more is none
        (None, 0.030, True),  # what it does not tell yet counts for nothing
        (None, None, False),
    ],
)
def test_a_trial_is_hopeless_that_is_twice_as_bad_and_nowhere_better(
    throughput: float | None, p99: float | None, given_up: bool
) -> None:
    """Against 1,000 msg/s with 10 ms; a trial that ended early shows nothing of others."""
    done = [record(1.0, throughput=1000.0, latency_p99=0.010)]
    so_far = {"throughput": throughput, "latency.p99": p99}
    assert bool(hopeless("latency.p99", so_far, done)) is given_up
    early = [Record("p001", 0, 0, "", "ended-early", metrics=done[0].metrics)]
    assert hopeless("latency.p99", so_far, early) is None
    if given_up:
        assert str(hopeless("latency.p99", so_far, done)).startswith("p000 is as good in every goal and ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("budget")
    (made / "shop.py").write_text(SCENARIO)
    return made


CLOCK = """
import itertools
from loadkit import cli, drive_sweep
drive_sweep.monotonic = itertools.count(0, 0.3).__next__
cli.main()
"""
"""A command to which time passes by the reading, so that as much fits into its budget on every machine."""


def test_a_sweep_within_a_budget_spends_it_and_says_what_it_left_out(folder: Path) -> None:
    """64 points, seconds enough for a part of them: killed on its way and taken up, it ends within the budget."""
    out = folder / "out"
    words = [str(folder / "shop.py"), "--target", TARGET, *FEW.split(), "--duration", "2s", "--budget", "4s"]
    command = ["sweep", *words, "--json", "--out", str(out)]
    with Command(folder / "first", *command, code=CLOCK) as first:
        first.until(lambda: len(list(out.glob("trials/*"))) > 4, "five trials")
        first.kill()
    with Command(folder / "second", *command, code=CLOCK) as second:
        document = second.ended().ok().document
    stored = json.loads((out / "sweep.json").read_text())
    trials = stored["trials"]
    assert stored["strategy"] == "guided"
    assert [trial["index"] for trial in trials] == list(range(len(trials)))
    assert len({(trial["point"], trial["repeat"]) for trial in trials}) == len(trials) > 4
    assert sum(trial["seconds"] for trial in trials) <= 4 + max(trial["seconds"] for trial in trials)
    assert document["best"] is not None
    tried = f"of 64 points of the grid {len({trial['point'] for trial in trials})} were tried"
    assert tried in document["not_explored"][0]
    assert not all(trial["block"] for trial in trials)


def test_commands_with_a_budget(folder: Path) -> None:
    """What does not fit is planned without a trial; a budget below a trial and a missing Optuna are usage errors."""
    plan = ["sweep", "shop.py", "--target", TARGET, *VARY.split(), "--dry-run", "--json"]
    done = run_all(
        {
            "guided": [*plan, "--budget", "20s"],
            "grid": [*plan, "--budget", "1h"],
            "short": [*plan, "--budget", "1ms"],
        },
        folder,
    )
    assert [done[name].code for name in done] == [0, 0, 2], done
    guided, grid = (json.loads(done[name].out) for name in ("guided", "grid"))
    assert (guided["strategy"], grid["strategy"]) == ("guided", "grid")
    assert grid["trials"] == 405
    assert 20 <= guided["trials"] < 60
    assert any("2^(6-2) fractional factorial of resolution IV" in said for said in guided["not_explored"])
    assert "less than one trial takes" in done["short"].err


def test_optuna_is_asked_for_by_its_extra_and_slows_no_other_command(folder: Path) -> None:
    """Hidden, it is missing before anything is run, exit 2; a plan, even of a guided sweep, does not import it."""
    code = (
        "import sys, importlib.util as u; real = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'optuna' else real(name, *a);"
        "from loadkit.cli import main; main()"
    )
    words = ["sweep", "shop.py", "--target", TARGET, *VARY.split(), "--budget", "20s"]
    hidden = subprocess.run(
        [sys.executable, "-c", code, *words, "--out", "none"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert hidden.returncode == 2
    assert "pip install 'loadkit[search]'" in hidden.stderr
    assert not (folder / "none").exists()
    code = (
        "import sys; from loadkit.cli import main\n"
        "try: main()\nfinally: print('optuna' in sys.modules, file=sys.stderr)"
    )
    plan = subprocess.run(
        [sys.executable, "-c", code, *words, "--dry-run"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert plan.stderr.strip().endswith("False")
