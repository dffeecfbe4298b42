"""`--workers N`: the load made by processes of their own, which stay from trial to trial and end with the command."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ahead import ahead
from running import Command, Ended

SCENARIO = """
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    fixed_count = 4
    topic = orders
    rate = "100/s"
    payload = payloads.constant(size="100B")
class Billing(ConsumerUser):
    fixed_count = 2
    topic = orders
"""
RATES = (200, 600)
BETWEEN = """
import os, signal
from loadkit import cli, swarm_workers
gather = swarm_workers.Fleet.gather
def gathered(fleet, master, hear, before=[]):
    there = gather(fleet, master, hear)
    before.append(0)
    if len(before) == 3:
        print("load processes:", *(process.pid for process in fleet._processes))
        os.kill(os.getpid(), signal.SIGINT)
    return there
swarm_workers.Fleet.gather = gathered
cli.main()
"""
"""A command that hears Ctrl-C after two trials, at an instant at which none is under way."""


def _workers(command: Command) -> list[psutil.Process]:
    return [one for one in psutil.Process(command.process.pid).children() if "--worker" in one.cmdline()]


@dataclass(frozen=True, slots=True)
class Swept:
    """What three trials left, in their order, and how the commands that ran them ended."""

    trials: list[dict[str, Any]]
    interrupted: Ended
    """The command that was interrupted after two trials."""
    before: list[int]
    """Its load processes then, by pid."""
    document: dict[str, Any]


@ahead
def swept(folder: Path) -> Swept:
    """Sweep two rates: a load process is killed in the first trial, the command interrupted after the second."""
    scenario = folder / "trials.py"
    scenario.write_text(SCENARIO)
    rates = ",".join(f"{rate}/s" for rate in RATES)
    words = ["sweep", str(scenario), "--target", "simulated", "--workers", "2", "--vary", f"Checkout.rate={rates}",
             "--repeats", "1", "--duration", "3s", "--warmup", "0s", "--out", str(folder / "out"), "--json"]  # fmt: skip
    trials = folder / "out" / "trials"
    with Command(folder / "one", *words, code=BETWEEN) as command:
        command.until(lambda: any('"measure"' in one.read_text() for one in trials.glob("*/series.jsonl")), "measuring")
        os.kill(_workers(command)[0].pid, signal.SIGKILL)
        interrupted = command.ended()
    (line,) = [line for line in interrupted.stdout.splitlines() if line.startswith("load processes:")]
    before = [int(pid) for pid in line.split()[2:]]
    with Command(folder / "two", *words) as command:
        document = command.ended().ok().document
    found = [json.loads(path.read_text()) for path in trials.glob("*/result.json")]
    return Swept(sorted(found, key=lambda one: one["sweep"]["index"]), interrupted, before, document)


def test_each_trial_has_its_own_settings_in_every_process(swept: Swept) -> None:
    """The rate of a point reaches the processes, which began before; their messages add up."""
    assert swept.document["status"] == "complete"
    assert {trial["sets"]["Checkout.rate"] for trial in swept.trials} == {f"{rate}/s" for rate in RATES}
    assert [trial["workers"] for trial in swept.trials] == [2, 2, 2]
    for trial in swept.trials[1:]:
        due = 3 * float(trial["sets"]["Checkout.rate"].removesuffix("/s"))
        assert trial["totals"]["Checkout"]["sent"] == trial["totals"]["Checkout"]["acked"] == due


def test_a_process_that_dies_is_named_and_replaced(swept: Swept) -> None:
    """The trial under way goes on without it and says so; the next ones have as many as were asked for."""
    first, *others = swept.trials
    lost = [note["text"] for note in first["notes"] if note["code"] == "worker_lost"]
    assert len(lost) == 1
    assert "with 3 users, 50% of all" in lost[0]
    assert not [note for trial in others for note in trial["notes"]]


def test_an_interrupt_between_two_trials_ends_the_processes_too(swept: Swept) -> None:
    """Ctrl-C is heard by the command alone here: no trial begins, its load processes go home, the sweep can go on."""
    assert swept.interrupted.code == 130
    assert "\n2/3 " in swept.interrupted.stderr
    assert not [
        line for line in swept.interrupted.stderr.splitlines() if line.startswith("3/3 ") and "nothing" not in line
    ]
    assert len(swept.before) == 2
    assert not [pid for pid in swept.before if psutil.pid_exists(pid)]
