"""What plain Locust says and exits with when something is wrong: one sentence, no traceback, no secret."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from locust_process import Ended, Locust, Page, alive, free_port, processes, sets, wait, write

LOW = ["--headless", "--target", "simulated", "--warmup", "1s", *sets("Checkout.rate=400/s")]
SECRET = "s3cr3t-of-the-test"
HEAD = """
    from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

    orders = Topic("orders", partitions={partitions})

    class Checkout(ProducerUser):
        fixed_count = 4
        topic = orders
        rate = {rate!r}
        {more}
"""
TARGET = """
    name = "staging"
    [client]
    "bootstrap.servers" = "127.0.0.1:1"
    "security.protocol" = "SASL_PLAINTEXT"
    "sasl.mechanism" = "PLAIN"
    "sasl.username" = "tester"
    "sasl.password" = "${LOADKIT_TEST_PASSWORD}"
    [limits]
    max_rate = "50MB/s"
    max_bytes = "1GB"
    max_partitions = 100
"""


def scenario(folder: Path, name: str, partitions: int = 4, rate: str = "400/s", more: str = "pass") -> Path:
    """Write a scenario and return its path."""
    return write(folder / f"{name}.py", HEAD.format(partitions=partitions, rate=rate, more=more))


WRONG = {
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
    "too short": ({}, ["-t", "5s", "--warmup", "60s"], 3, ["time was over too early", "only warm-up"]),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Return what each wrong run said: all at once, because each mostly waits for its imports."""
    folder = tmp_path_factory.mktemp("wrong")
    runs = {}
    for name, (changes, more, *_) in WRONG.items():
        file = scenario(folder, name, **changes)  # type: ignore[arg-type]
        runs[name] = Locust(folder / f"{name} out", *LOW[:5], *more, file=file)
    return {name: run.ended() for name, run in runs.items()}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_sentence_and_its_exit_code(refused: dict[str, Ended], name: str) -> None:
    """It names the place and the way out; a traceback would hide both."""
    ended, (_, _, code, words) = refused[name].clean(), WRONG[name]
    assert len(ended.errors) == 1, ended.said
    assert [word for word in words if word not in ended.errors[0]] == []
    assert ended.code == code


@pytest.mark.parametrize("extra", [[], processes(2)], ids=["one process", "two"])
def test_a_target_that_cannot_be_reached_is_one_sentence_and_exit_3(tmp_path: Path, extra: list[str]) -> None:
    """Before any load, by the master alone, and no forked process stays behind."""
    target = write(tmp_path / "target.toml", TARGET)
    locust = Locust(tmp_path / "run", *LOW, *extra, "--target", str(target), LOADKIT_TEST_PASSWORD=SECRET)
    children: set[int] = set()
    while locust.process.poll() is None:
        children.update(locust.children())
        time.sleep(0.05)
    wait(lambda: not any(map(alive, children)), lambda: f"{children} still alive", 20)
    ended = locust.ended().clean()
    assert ended.code == 3
    assert len(children) == (2 if extra else 0)
    assert len(ended.errors) == 1
    assert "127.0.0.1:1" in ended.errors[0]
    assert SECRET not in ended.said


def test_a_folder_that_holds_something_is_refused_before_any_load(tmp_path: Path) -> None:
    """Exit 2 at once, not when the first run begins."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    ended = Locust(tmp_path / "run", *LOW, "--out", str(tmp_path / "full")).ended().clean()
    assert ended.code == 2
    assert "not empty" in ended.errors[0]


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


@pytest.mark.parametrize("extra", [[], processes(2)], ids=["one process", "two"])
def test_an_error_in_the_load_loop_stops_the_run(tmp_path: Path, extra: list[str]) -> None:
    """It happens in a native thread, where nobody would hear of it: a sentence, exit 3, and what was measured is kept."""
    text = HEAD.format(partitions=4, rate="400/s", more="pass") + BROKEN
    ended = (
        Locust(tmp_path / "run", *LOW[:5], "-t", "60s", *extra, file=write(tmp_path / "broken.py", text))
        .ended()
        .clean()
    )
    assert ended.code == 3
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


@pytest.mark.parametrize("extra", [[], processes(2)], ids=["one process", "two"])
def test_a_user_that_cannot_connect_ends_the_run(tmp_path: Path, extra: list[str]) -> None:
    """Exit 3 and the client's sentence with the class's name."""
    text = HEAD.format(partitions=4, rate="400/s", more="pass") + REFUSED
    ended = Locust(tmp_path / "run", *LOW[:5], *extra, file=write(tmp_path / "refused.py", text)).ended().clean()
    assert ended.code == 3
    assert ended.errors == ["error: Checkout: the broker refused: user tester may not write"]


def test_a_scenarios_own_on_start_that_raises_ends_the_run(tmp_path: Path) -> None:
    """Its user never joins, so waiting for it would be in vain; Locust itself shows the traceback."""
    text = HEAD.format(partitions=4, rate="400/s", more="pass") + RAISING
    ended = Locust(tmp_path / "run", *LOW[:5], file=write(tmp_path / "raising.py", text)).ended()
    assert ended.code == 3
    assert ended.errors == ["error: Checkout.on_start: KeyError: 'no such order'"]


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

    def cluster(target, bootstrap, scenario, names):
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


def test_no_secret_reaches_workers_or_the_web_ui(tmp_path: Path) -> None:
    """The plan names the target's file; each process reads the secret itself, and hides it in what it says."""
    target, port, captured = write(tmp_path / "target.toml", TARGET), free_port(), tmp_path / "captured"
    file = write(tmp_path / "secret.py", HEAD.format(partitions=4, rate="400/s", more="pass") + CAPTURING)
    flags = ["--target", str(target), "--web-host", "127.0.0.1", "--web-port", str(port), *processes(2)]
    locust = Locust(tmp_path / "run", *flags, file=file, LOADKIT_TEST_PASSWORD=SECRET, CAPTURED=str(captured))
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
    messages = captured.read_text()
    assert '"loadkit_plan"' in messages
    assert str(target) in messages
    assert '"loadkit_failed"' in messages
    assert "reached with" in locust.said
    for text in (messages, locust.said, *seen):
        assert SECRET not in text


def test_the_run_after_a_failed_one_works(tmp_path: Path) -> None:
    """In the web UI a run that failed ends; the page stays, and the next one can be started."""
    port = free_port()
    flaky = """
    from loadkit.errors import TargetError
    from loadkit.targets import sink

    whole = sink.SinkProducer.connect

    def connect(self, timeout):
        sink.SinkProducer.connect = whole
        raise TargetError("not yet")

    sink.SinkProducer.connect = connect
    """
    file = write(tmp_path / "flaky.py", HEAD.format(partitions=4, rate="400/s", more="pass") + flaky)
    flags = ["--web-host", "127.0.0.1", "--web-port", str(port), *LOW[1:5]]
    locust = Locust(tmp_path / "run", *flags, file=file)
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
    second = Ended(0, locust.said, tmp_path / "run-2").result
    assert second["status"] == "complete"
    assert second["totals"]["Checkout"]["acked"] == second["totals"]["Checkout"]["due"] > 0
