"""What plain Locust says and exits with when something is wrong: one sentence, no traceback, no secret."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead
from locust_process import Ended, Locust, Page, alive, free_port, processes, sets, wait, write
from running import SECRET, SECRET_TARGET

LOW = ["--headless", "--target", "simulated", "--warmup", "1s", *sets("Checkout.rate=400/s")]
HEAD = """
    from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

    orders = Topic("orders", partitions={partitions})

    class Checkout(ProducerUser):
        fixed_count = 4
        topic = orders
        rate = {rate!r}
        {more}
"""


def scenario(folder: Path, name: str, partitions: int = 4, rate: str = "400/s", more: str = "pass") -> Path:
    """Write a scenario and return its path."""
    return write(folder / f"{name}.py", HEAD.format(partitions=partitions, rate=rate, more=more))


WRONG: dict[str, tuple[dict[str, Any], list[str], int, list[str]]] = {
    # name: (scenario's changes, more arguments, exit code, what the one error must say)
    "unknown field": ({"more": "rat = 5"}, [], 2, ["unknown field.py:6", "Checkout.rat", "'rate'"]),
    "wrong unit": ({"rate": "1 parsec"}, [], 2, ["wrong unit.py:6", "Checkout.rate", "'1 parsec'"]),
    "wrong topic": ({"partitions": 0}, [], 2, ["wrong topic.py:4", "Topic.partitions", "greater than or equal to 1"]),
    "too few users": ({}, ["-u", "3"], 2, ["-u 3", "4 users", "Checkout (3 of 4)", "leave -u out"]),
    "unknown path": ({}, ["--set", "Chekout.rate=5"], 2, ["Chekout.rate", "Checkout.rate"]),
    "wrong duration": ({}, ["--warmup", "5parsec"], 2, ["5parsec", "30s"]),
    "unknown target": ({}, ["--target", "simulatde"], 2, ["simulatde", "simulated"]),
    "unknown parameter": ({}, ["--target", "simulated?netwrok=1ms"], 2, ["netwrok", "network"]),
    "a secret on the command line": ({}, ["--set", "Checkout.config.sasl.password=x"], 2, ["sasl.password"]),
    "a master for anybody": (
        {},
        ["--master", "--master-bind-host", "0.0.0.0"],
        2,
        ["--master-bind-host 0.0.0.0", "--allow-public"],
    ),
    "a web UI for anybody": ({}, ["--web-host", "*"], 2, ["--web-host *", "--web-login", "--allow-public"]),
    "too short": ({}, ["-t", "5s", "--warmup", "60s"], 3, ["time was over too early", "only warm-up"]),
}


@ahead
def refused(folder: Path) -> dict[str, Ended]:
    """Return what each wrong run said."""
    ended = {}
    for name, (changes, more, *_) in WRONG.items():
        file = scenario(folder, name, **changes)
        flags = LOW[1:5] if "--web-host" in more else LOW[:5]
        ended[name] = Locust(folder / f"{name} out", *flags, *more, file=file).ended()
    return ended


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_sentence_and_its_exit_code(refused: dict[str, Ended], name: str) -> None:
    """It names the place and the way out; a traceback would hide both."""
    ended, (_, _, code, words) = refused[name].clean(), WRONG[name]
    assert len(ended.errors) == 1, ended.said
    assert [word for word in words if word not in ended.errors[0]] == []
    assert ended.code == code


def unreached(folder: Path, name: str, *extra: str) -> tuple[Ended, int]:
    """Return a run with a target that is not there, and how many processes it had forked that ended with it."""
    target = write(folder / f"{name}.toml", SECRET_TARGET)
    locust = Locust(folder / name, *LOW, *extra, "--target", str(target), LOADKIT_TEST_PASSWORD=SECRET)
    children: set[int] = set()
    while locust.process.poll() is None:
        children.update(locust.children())
        time.sleep(0.05)
    wait(lambda: not any(map(alive, children)), lambda: f"{children} still alive", 20)
    return locust.ended(), len(children)


@ahead
def unreached_by_one(folder: Path) -> tuple[Ended, int]:
    """Return such a run in one process."""
    return unreached(folder, "unreached by one")


@ahead
def unreached_by_two(folder: Path) -> tuple[Ended, int]:
    """Return such a run in two forked processes."""
    return unreached(folder, "unreached by two", *processes(2))


def test_a_target_that_cannot_be_reached_is_one_sentence_and_exit_3(
    unreached_by_one: tuple[Ended, int], unreached_by_two: tuple[Ended, int]
) -> None:
    """Before any load, by the master alone, and no forked process stays behind."""
    assert [children for _, children in (unreached_by_one, unreached_by_two)] == [0, 2]
    for ended, _ in (unreached_by_one, unreached_by_two):
        assert ended.clean().code == 3
        assert len(ended.errors) == 1
        assert "127.0.0.1:1" in ended.errors[0]
        assert SECRET not in ended.said


@ahead
def full_folder(folder: Path) -> Ended:
    """Return a run told to write into a folder that holds something."""
    (folder / "full").mkdir()
    (folder / "full" / "something").touch()
    return Locust(folder / "into full", *LOW, "--out", str(folder / "full")).ended()


def test_a_folder_that_holds_something_is_refused_before_any_load(full_folder: Ended) -> None:
    """Exit 2 at once, not when the first run begins."""
    assert full_folder.clean().code == 2
    assert "not empty" in full_folder.errors[0]


BROKEN = """
    import time
    from loadkit.targets import sink

    begun = time.monotonic()
    whole = sink.SinkProducer.poll

    def poll(self):
        if time.monotonic() > begun + 5:
            raise RuntimeError("the client broke")
        whole(self)

    sink.SinkProducer.poll = poll
"""


def broken(folder: Path, name: str, change: str, *more: str) -> Ended:
    """Return a run of a scenario with code that breaks something."""
    text = HEAD.format(partitions=4, rate="400/s", more="pass") + change
    return Locust(folder / name, *LOW[:5], *more, file=write(folder / f"{name}.py", text)).ended()


@ahead
def loop_of_one(folder: Path) -> Ended:
    """Return a run in one process whose load loop breaks."""
    return broken(folder, "loop_of_one", BROKEN, "-t", "60s")


@ahead
def loop_of_two(folder: Path) -> Ended:
    """Return the same in two forked processes."""
    return broken(folder, "loop_of_two", BROKEN, "-t", "60s", *processes(2))


def test_an_error_in_the_load_loop_stops_the_run(loop_of_one: Ended, loop_of_two: Ended) -> None:
    """It happens in a native thread, where nobody would hear of it: a sentence, exit 3, and what was measured is kept."""
    for ended in (loop_of_one, loop_of_two):
        assert ended.clean().code == 3
        assert ended.errors == ["error: the client broke"]
        assert ended.result["status"] == "failed"
        assert ended.result["error"] == "the client broke"


REFUSED = """
    from loadkit.errors import TargetError
    from loadkit.targets import sink

    def connect(self, timeout):
        raise TargetError("the broker refused: user tester may not write")

    sink.SinkProducer.connect = connect
"""
RAISING = """
    def on_start(self):
        raise KeyError("no such order")

    Checkout.on_start = on_start
"""


@ahead
def user_of_one(folder: Path) -> Ended:
    """Return a run in one process whose users cannot connect."""
    return broken(folder, "user_of_one", REFUSED)


@ahead
def user_of_two(folder: Path) -> Ended:
    """Return the same in two forked processes."""
    return broken(folder, "user_of_two", REFUSED, *processes(2))


def test_a_user_that_cannot_connect_ends_the_run(user_of_one: Ended, user_of_two: Ended) -> None:
    """Exit 3 and the client's sentence with the class's name."""
    for ended in (user_of_one, user_of_two):
        assert ended.clean().code == 3
        assert ended.errors == ["error: Checkout: the broker refused: user tester may not write"]


@ahead
def raising(folder: Path) -> Ended:
    """Return a run whose scenario raises in `on_start`."""
    return broken(folder, "raising", RAISING)


def test_a_scenarios_own_on_start_that_raises_ends_the_run(raising: Ended) -> None:
    """Its user never joins, so waiting for it would be in vain; Locust itself shows the traceback."""
    assert raising.code == 3
    assert raising.errors == ["error: Checkout.on_start: KeyError: 'no such order'"]


CAPTURING = """
    import json, os
    from pathlib import Path
    from locust import runners
    from loadkit import swarm_master, swarm_worker
    from loadkit.clusters import SinkCluster
    from loadkit.errors import TargetError
    from loadkit.site import OpenTarget
    from loadkit.targets import sink
    from loadkit.targets.simspec import SimulatedSpec

    def open_target(target, scenario, say):
        say("reached with " + target.client_config("admin")["sasl.password"])
        return OpenTarget(target, None, None)

    def cluster(target, scenario, names):
        connect.password = target.client_config("producer")["sasl.password"]
        return SinkCluster(SimulatedSpec.parse("simulated"), scenario, names)

    def connect(self, timeout):
        raise TargetError("the broker does not like " + connect.password)

    def sent(runner):
        whole = runner.send_message
        def send_message(self, kind, data=None, client_id=None):
            with Path(os.environ["CAPTURED"]).open("a") as file:
                file.write(json.dumps([kind, data]) + "\\n")
            whole(self, kind, data, client_id)
        runner.send_message = send_message

    swarm_master.open_target, swarm_worker.cluster, sink.SinkProducer.connect = open_target, cluster, connect
    sent(runners.MasterRunner)
    sent(runners.WorkerRunner)
"""


@ahead
def overheard(folder: Path) -> tuple[str, str, list[str], Path]:
    """Return what the processes of a run with a secret sent each other and said, its pages, and its target's file."""
    target, port, captured = write(folder / "secret.toml", SECRET_TARGET), free_port(), folder / "captured"
    file = write(folder / "secret.py", HEAD.format(partitions=4, rate="400/s", more="pass") + CAPTURING)
    flags = ["--target", str(target), "--web-host", "127.0.0.1", "--web-port", str(port), *processes(2)]
    locust = Locust(folder / "secret", *flags, file=file, LOADKIT_TEST_PASSWORD=SECRET, CAPTURED=str(captured))
    try:
        page = Page(port)
        locust.until(page.up, "answering")
        locust.until(lambda: page.json("/worker-count")["worker_count"] == 2, "connected")
        page.json("/swarm", user_count=4, spawn_rate=4)
        locust.until(lambda: "error: Checkout: the broker does not like" in locust.said, "failing")
        locust.until(lambda: page.json("/stats/requests")["state"] == "stopped", "stopped")
        seen = [page.text(path) for path in ("/", "/exceptions", "/stats/requests", "/stats/report", "/logs", "/tasks")]
    finally:
        locust.kill()
    return captured.read_text(), locust.said, seen, target


def test_no_secret_reaches_workers_or_the_web_ui(overheard: tuple[str, str, list[str], Path]) -> None:
    """The plan names the target's file; each process reads the secret itself, and hides it in what it says."""
    messages, said, seen, target = overheard
    assert '"loadkit_plan"' in messages
    assert str(target) in messages
    assert '"loadkit_failed"' in messages
    assert "reached with" in said
    for text in (messages, said, *seen):
        assert SECRET not in text


FLAKY = """
    from loadkit.errors import TargetError
    from loadkit.targets import sink

    whole = sink.SinkProducer.connect

    def connect(self, timeout):
        sink.SinkProducer.connect = whole
        raise TargetError("not yet")

    sink.SinkProducer.connect = connect
"""


@ahead
def second(folder: Path) -> Ended:
    """Return the second run of a web UI whose first one failed."""
    port = free_port()
    file = write(folder / "flaky.py", HEAD.format(partitions=4, rate="400/s", more="pass") + FLAKY)
    flags = ["--web-host", "127.0.0.1", "--web-port", str(port), *LOW[1:5]]
    locust = Locust(folder / "flaky", *flags, file=file)
    try:
        page = Page(port)
        locust.until(page.up, "answering")
        page.json("/swarm", user_count=4, spawn_rate=4)
        locust.until(lambda: "error: Checkout: not yet" in locust.said, "failing")
        locust.until(lambda: page.json("/stats/requests")["state"] == "stopped", "stopped")
        page.json("/swarm", user_count=4, spawn_rate=4)
        locust.until_measuring(1)
        page.json("/stop", now="yes")
    finally:
        locust.kill()
    return Ended(0, locust.said, folder / "flaky-2")


def test_the_run_after_a_failed_one_works(second: Ended) -> None:
    """In the web UI a run that failed ends; the page stays, and the next one can be started."""
    assert second.result["status"] == "complete"
    assert second.result["totals"]["Checkout"]["acked"] == second.result["totals"]["Checkout"]["due"] > 0
