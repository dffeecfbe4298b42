"""Many trials on a target that is opened once: each is its own, and nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from running import ROOT

SCENARIO = """
from locust import events
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
@events.test_start.add_listener
def note(environment, **_):
    print("listener of the file", flush=True, file=__import__("sys").stderr)
class Checkout(ProducerUser):
    fixed_count = 2
    topic = orders
    rate = "1k/s"
    payload = payloads.constant(size="100B")
class Billing(ConsumerUser):
    topic = orders
"""
SETS = [[], ["Checkout.fixed_count=3", "orders.partitions=8"], ["Checkout.rate=2k/s"], [], [], []]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """What stayed after each of several trials on the simulated sink, their results, and what was said."""
    folder = tmp_path_factory.mktemp("session")
    scenario = folder / "trials.py"
    scenario.write_text(SCENARIO)
    done = subprocess.run(
        [sys.executable, "tests/trials_process.py", str(scenario), "simulated?sink=1", str(folder), json.dumps(SETS), "0.4"],
        capture_output=True, text=True, cwd=ROOT, timeout=100, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = [json.loads((folder / str(i) / "result.json").read_text()) for i in range(len(SETS))]
    return json.loads(done.stdout), results, done.stderr


def test_each_trial_has_its_own_settings(trials: Any) -> None:
    """Users, rates and partitions of one trial are not the next one's."""
    _, results, _ = trials
    assert [r["status"] for r in results] == ["complete"] * len(SETS)
    assert [r["classes"]["Checkout"]["users"] for r in results] == [2, 3, 2, 2, 2, 2]
    assert [r["totals"]["Checkout"]["sent"] for r in results] == [400, 400, 800, 400, 400, 400]
    assert len({r["run_id"] for r in results}) == len(SETS)


def test_a_trial_leaves_nothing_to_the_next(trials: Any) -> None:
    """Listeners, threads, files and Locust's counts are after the last trial what they were after the first."""
    stayed, _, _ = trials
    first, last = stayed[0], stayed[-1]
    for name in ("listeners", "files", "counts"):
        assert last[name] == first[name], name
    assert last["threads"] <= first["threads"] + 2  # places of one pool, made when they are first needed
    assert last["greenlets"] <= 1
    assert [one["error"] for one in stayed] == [None] * len(SETS)


def test_the_file_s_own_listeners_are_heard_in_every_trial(trials: Any) -> None:
    """What a scenario registers with Locust when it is loaded stays through the session."""
    assert trials[2].count("listener of the file") == len(SETS)


SECOND = """
from contextlib import contextmanager
from loadkit import session
from loadkit.errors import Interrupted

class Open:
    said = None
    def hear(self):
        if self.said:
            raise self.said
    def trial(self, *_):
        print("loaded")

opened = []

@contextmanager
def opening(*_, **__):
    for before in opened:
        before.said = Interrupted("Ctrl-C")  # only what is open has handlers
    opened.append(Open())
    yield opened[-1]

session.session, session.replace = opening, lambda file, **_: file
both = session.Sessions(None, None, lambda text: None, together=True)
both.at("simulated", None)
try:
    both.at("embedded", None)
except Interrupted:
    print("heard")
"""


def test_ctrl_c_while_a_second_target_opens_is_heard_before_any_load() -> None:
    """The session that was open before got it, and is asked as soon as the other is there."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SECOND], capture_output=True, text=True, check=True, env=env, cwd=ROOT)
    assert done.stdout == "heard\n"
