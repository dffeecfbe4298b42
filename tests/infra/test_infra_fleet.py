"""terraform/fleet: the scripts themselves, in clean environments, against a stand-in for AWS and a real Kafka."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aws_stand_in import stand_in
from fleet_stand import (
    FLEET,
    ROOT,
    SYSTEM,
    TOKEN,
    Fleet,
    Script,
    installed,
    planted,
    processes,
    tool,
    until,
    words,
)

from loadkit.targets import embedded
from loadkit.targets.embedded import EmbeddedSpec

STEADY = """
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
ticks = Topic("ticks", partitions=2)
class Clock(ProducerUser):
    fixed_count = 2
    topic = ticks
    rate = "200/s"
    payload = payloads.constant(size="100B")
class Listener(ConsumerUser):
    topic = ticks
"""
INPUTS = {"steady.py": STEADY}
QUICK = "run steady.py --target simulated --duration 2s"
"""In virtual time, by the master alone: done at once."""
FAILING = f"{QUICK} --slo 'latency.p50 < 1us'"
FLEETS = "run steady.py --target 'simulated?sink=1' --duration {} --warmup 1s"
PASSWORD = "s3cr3t of the test, with 'quotes' and $dollars"
Make = Callable[..., Fleet]
Ended = dict[str, tuple[Fleet, Script]]
"""Fleets by name, and their masters, which have ended."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that `python -m build` makes."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where install.sh has put the wheel."""
    folder = tmp_path_factory.mktemp("opt") / "loadkit"
    said = installed(str(wheel), folder)
    assert said.startswith("loadkit "), said
    return folder


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Return where the stand-in for AWS answers."""
    with stand_in() as address:
        yield address


@pytest.fixture(scope="module")
def fleet(endpoint: str, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Return what makes a fleet; its machines are gone in the end."""
    with ExitStack() as stack:

        def make(name: str, command: str = QUICK, **more: object) -> Fleet:
            made = Fleet(endpoint, tmp_path_factory.mktemp(name), home, command, **{"inputs": INPUTS, **more})  # type: ignore[arg-type]
            stack.callback(made.kill)
            return made

        yield make


def run_to_its_end(one: Fleet, code: int = 0, reason: str = "", *arguments: str) -> Script:
    """Run a master to its end and look at everything that has to be true then, whatever the command has done."""
    master = one.start("master.sh", *arguments)
    check(one, master, code, reason)
    return master


def run_all(fleets: list[Fleet]) -> list[tuple[Fleet, Script]]:
    """Return each fleet with its master, which has ended; they run at once."""
    masters = [one.start("master.sh") for one in fleets]
    for master in masters:
        master.ended()
    return list(zip(fleets, masters, strict=True))


def check(one: Fleet, master: Script, code: int, reason: str = "") -> None:
    """Look at everything that has to be true when a master has ended, whatever its command has done."""
    ended = master.ended()
    assert ended == code, f"the exit code is {ended}: {master.said}"
    assert "done.json" in one.objects(), f"no done.json: {master.said}"
    done = one.document()
    assert done["exit_code"] == code, "done.json has another exit code"
    assert done["command"] == one.command
    assert done["started"] <= done["ended"]
    assert reason in done["reason"]
    assert one.at_zero, f"not at zero: {one.sizes()}"
    changed = [
        call for call in master.called if call.startswith("autoscaling") or re.search(r" s3://\S+/out/first\S*$", call)
    ]
    *_, last, workers, own = changed
    assert "done.json" in last, f"done.json is not the last that is written: {changed}"
    assert sum("done.json" in call for call in changed) == 1, "done.json is written more than once"
    assert sum(call.startswith("autoscaling") for call in changed) == 2, (
        f"scaled before the results are kept: {changed}"
    )
    assert [group for group in one.groups if group in workers] == one.groups[:1], "the workers' group does not go first"
    assert [group for group in one.groups if group in own] == one.groups[1:], "the master's group does not go last"
    for path, size in left_by(master).items():
        assert one.objects().get(path) == size, f"{path} is not in S3 as it was left"
    over = [machine for machine in one.machines if machine.process.poll() not in {None, -signal.SIGKILL}]
    left = [left for machine in over for left in (machine.folder / "tmp").iterdir()]
    assert not left, f"left behind: {left}"
    assert_untold(one)


def left_by(machine: Script) -> dict[str, int]:
    """Return the files of the results on a machine with their sizes."""
    folder = machine.folder / "work" / "results" / "out" / "first"
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def secret_references(text: str) -> tuple[str, dict[str, str]]:
    """Return a target file whose secrets are variables, and these with their values."""
    found: dict[str, str] = {}

    def variable(match: re.Match[str]) -> str:
        name = f"CLUSTER_SECRET_{len(found)}"
        found[name] = Path(match[1]).read_text(encoding="utf-8").strip()
        return f'"${{{name}}}"'

    changed = re.sub(r'\{ ?file = "([^"]+)" ?\}', variable, text)
    assert found, text
    return changed, found


def assert_untold(one: Fleet) -> None:
    """See that neither token nor secret is in anything that a machine has said, asked or kept in S3."""
    hidden = [TOKEN, *one.secrets.values()]
    for machine in one.machines:
        for file in (path for path in machine.folder.rglob("*") if path.is_file()):
            content = file.read_bytes().decode(errors="replace")
            private = (machine.folder / "tmp") in file.parents
            assert private or not [word for word in hidden if word in content], f"a secret is told in {file}"
    for path in one.objects():
        body = one.s3.get_object(Bucket=one.bucket, Key=f"out/first/{path}")["Body"].read().decode(errors="replace")
        assert not [word for word in hidden if word in body], f"a secret is told in {path}"


@pytest.fixture(scope="module")
def alone(fleet: Make) -> Ended:
    """Return masters that made their load themselves, all run at once."""
    commands = {"alone": QUICK, "failed": FAILING, "wrong": "run nowhere.py"}
    return dict(zip(commands, run_all([fleet(name, command) for name, command in commands.items()]), strict=True))


def test_a_command_runs_to_its_end(alone: Ended) -> None:
    """Its results and its log are in S3, then done.json, and nothing that costs is left."""
    one, master = alone["alone"]
    check(one, master, 0)

    assert {
        "run/result.json",
        "run/histograms.hlog",
        "run/report.html",
        "loadkit.log",
        "done.json",
    } <= one.objects().keys()
    assert one.document("run/result.json")["status"] == "complete"
    assert "Clock" in one.text("loadkit.log")


def test_the_exit_code_is_the_command_s(alone: Ended) -> None:
    """1 where an objective fails, 2 where the command is wrong: the results of either are in S3."""
    failed, wrong = alone["failed"], alone["wrong"]
    check(*failed, 1)
    check(*wrong, 2)

    assert failed[0].document("run/result.json")["status"] == "complete"
    assert "nowhere.py" in wrong[0].text("loadkit.log")


# what goes wrong before the run


NOT_BEGUN: dict[str, tuple[dict[str, Any], int, str]] = {
    "empty": ({"inputs": {}}, 3, "no inputs under s3://bucket-empty"),
    "unknown": ({"change": {"LOADKIT_TOKEN": "arn:aws:ssm:eu-central-1:1:parameter/none"}}, 3, "cannot be read"),
    "misnamed": ({"change": {"LOADKIT_TOKEN": "the-token"}}, 2, "no ARN of an SSM parameter"),
    "unclosed": ({"command": "run 'steady.py"}, 2, "a quote is open"),
    "unset": ({"command": ""}, 2, "LOADKIT_COMMAND is not set"),
    "uncounted": ({"change": {"LOADKIT_WORKERS": "many"}}, 2, "give a number"),
    "secretless": ({"secrets": {"NO NAME": PASSWORD}}, 2, "a JSON object of names and texts"),
}
"""What is wrong by the fleet's name, with exit code and reason."""


@pytest.fixture(scope="module")
def not_begun(fleet: Make) -> Ended:
    """Return the masters that could not begin, all run at once."""
    made = [fleet(name, **more) for name, (more, _, _) in NOT_BEGUN.items()]
    for one in made:
        one.change = {"LOADKIT_PAUSE": "0", **one.change}
    return dict(zip(NOT_BEGUN, run_all(made), strict=True))


@pytest.mark.parametrize("name", NOT_BEGUN)
def test_what_fails_before_the_run_is_said_and_costs_nothing(not_begun: Ended, name: str) -> None:
    """done.json has the reason, and both groups are at zero."""
    _, code, reason = NOT_BEGUN[name]
    one, master = not_begun[name]
    check(one, master, code, reason)

    assert one.objects().keys() == {"done.json"}


def test_a_machine_that_cannot_be_prepared_says_so(fleet: Make) -> None:
    """User data that could not install loadkit ends the fleet by `master.sh --failed`."""
    one = fleet("unprepared")
    run_to_its_end(one, 3, "no loadkit", "--failed", "no loadkit could be installed")


def test_a_run_that_is_over_is_not_made_again(fleet: Make) -> None:
    """A machine that comes up once more, master or worker, finds done.json and ends; the file stays as it is."""
    one = fleet("over")
    one.put("out/first/done.json", '{"exit_code": 0}')
    master, worker = one.start("master.sh"), one.start("worker.sh")

    assert (master.ended(), worker.ended()) == (0, 0)
    assert one.document() == {"exit_code": 0}
    assert one.at_zero
    assert not worker.load_processes()


# fleets


class Watch:
    """Every command line that is seen on this machine while a run is under way."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.seen |= set(processes().values())


def test_a_fleet_runs_on_simulated(fleet: Make) -> None:
    """Workers that come before the master wait for it; the token is on no command line and in no log."""
    one = fleet("simulated", FLEETS.format("4s"), workers=2)
    worker = one.start("worker.sh")
    other = one.start("worker.sh")
    until(lambda: worker.load_processes() and other.load_processes(), "started the load processes")
    with Watch() as watch:
        master = run_to_its_end(one)
        assert (worker.ended(), other.ended()) == (0, 0)

    result = one.document("run/result.json")
    assert result["status"] == "complete"
    assert result["workers"] == 2
    assert result["totals"]["Clock"]["acked"] > 0
    assert any("--token-file" in line for line in watch.seen)
    assert not [line for line in watch.seen if TOKEN in line]
    assert "joined the master" in worker.said
    assert "is over" in worker.said
    assert not [machine for machine in (master, worker, other) if machine.load_processes()]


def test_a_fleet_runs_on_a_real_kafka(fleet: Make, tmp_path: Path) -> None:
    """The target file's login comes from LOADKIT_SECRETS on each machine, and is in nothing that is left."""
    with embedded.start(EmbeddedSpec.parse("embedded?security=sasl-plain&jvm=-XX:TieredStopAtLevel=1")) as cluster:
        text, secrets = secret_references(embedded.target_toml(cluster))
        one = fleet(
            "kafka", "run steady.py --target cluster/target.toml --duration 4s --warmup 1s", workers=1, secrets=secrets,
            inputs={**INPUTS, "cluster/target.toml": text},
        )  # fmt: skip
        worker = one.start("worker.sh")
        master = run_to_its_end(one)

    print(master.said, one.text("loadkit.log"), one.text("done.json"), *one.objects(), sep="\n")
    result = one.document("run/result.json")
    assert worker.ended() == 0
    assert result["status"] == "complete"
    assert result["totals"]["Clock"]["acked"] == result["totals"]["Clock"]["due"] > 0
    assert result["integrity"]["lost"] == 0
    assert sum(one["received"] for one in result["integrity"]["partitions"]) > 0
    assert one.text("state/ledger.jsonl")


def test_a_load_process_that_is_killed_is_started_again(fleet: Make) -> None:
    """The run says who died and goes on; the new one joins it."""
    one = fleet("killed", FLEETS.format("90s"), workers=2)
    one.change = {"LOADKIT_PROCESSES": "2"}
    worker, master = one.start("worker.sh"), one.start("master.sh")
    log = master.folder / "work" / "results" / "out" / "first" / "loadkit.log"
    until(lambda: log.exists() and "\nmeasure" in log.read_text(), "measuring")
    os.kill(worker.load_processes()[0], signal.SIGKILL)
    worker.until_said("joined the master", 3)
    until(lambda: "came late" in log.read_text(), "hearing of the one that was started again")
    master.process.send_signal(signal.SIGTERM)

    check(one, master, 143, "asked to stop")
    assert worker.ended() == 0
    assert "has ended with 137" in worker.said
    assert " died with " in one.text("loadkit.log")
    assert one.document("run/result.json")["status"] == "interrupted"


def test_a_master_that_is_lost_leaves_what_it_measured(fleet: Make) -> None:
    """What was measured is in S3; a new master makes the run anew beside it, with the same workers."""
    one = fleet("lost", FLEETS.format("60s"), workers=1)
    worker, lost = one.start("worker.sh"), one.start("master.sh")
    until(lambda: "run/series.jsonl" in one.objects() and '"measure"' in one.text("run/series.jsonl"), "kept in S3")
    lost.kill()

    assert "done.json" not in one.objects()
    assert one.document("run/result.json")["status"] == "running"
    assert not one.at_zero

    one.command = FLEETS.format("3s")
    run_to_its_end(one)
    assert worker.ended() == 0
    assert one.document("run/result.json")["status"] == "running"
    assert one.document("run-2/result.json")["status"] == "complete"


def test_results_that_cannot_be_kept_keep_the_master(fleet: Make) -> None:
    """Where nothing can be written to S3 the workers go, and the machine that has the results stays."""
    one = fleet("unkept")
    one.change = {"LOADKIT_PAUSE": "0"}
    master = one.start("master.sh", fault='for last; do :; done; case "$last" in s3://*) exit 1 ;; esac')

    assert master.ended() == 3
    assert one.sizes() == {one.groups[0]: (0, 0), one.groups[1]: (1, 1)}
    assert one.objects() == {}
    assert "this machine is kept" in master.said
    assert (master.folder / "work/results/out/first/run/result.json").exists()


# what the tests above would catch


FAULTS = {
    "no-upload": ("patiently upload cp --recursive || kept", "true || kept", "is not in S3 as it was left"),
    "no-done": ('patiently mark_done "$code"', "true", "no done.json"),
    "early": ("if [[ -d $results ]]; then", 'mark_done "$code"\nif [[ -d $results ]]; then', "more than once"),
    "no-scaling": (" --desired-capacity 0", "", "not at zero"),
    "own-stays": ('scale_to_zero "${LOADKIT_MASTER_GROUP:-}"\n  else', "true\n  else", "not at zero"),
    "own-first": ("set +e\n", 'set +e; scale_to_zero "$LOADKIT_MASTER_GROUP"\n', "scaled before the results are kept"),
    "own-code": ('exit "$code"\n}', "exit 0\n}", "the exit code is 0"),
    "told": ('say "its output', 'cat "$private/token" >&2\nsay "its output', "a secret is told in"),
    "left": ('[[ -z $private ]] || rm -rf "$private"', "true", "left behind"),
}
"""What is planted in a copy of master.sh, by the fleet's name: old, new, and what is said of it."""


@pytest.fixture(scope="module")
def faulty(fleet: Make, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Return the masters with something wrong, all run at once."""
    made = [
        fleet(name, FAILING, scripts=planted(tmp_path_factory.mktemp("planted"), "master.sh", old, new))
        for name, (old, new, _) in FAULTS.items()
    ]
    for one in made:
        one.change = {"LOADKIT_EVERY": "3600"}  # an upload along the way may be of all there is
    return dict(zip(FAULTS, run_all(made), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_script_is_caught(faulty: Ended, name: str) -> None:
    """Each is refused by what every run of a master is looked at for."""
    one, master = faulty[name]
    with pytest.raises(AssertionError, match=FAULTS[name][2]):
        check(one, master, 1)


# what installs


FAKE = """#!/bin/sh
[ "$1" = -c ] && exit {works}
[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/loadkit"
echo "{name} $*" >>"{log}"
"""


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """Return a folder of Pythons: the newest cannot make environments, the oldest is too old."""
    for name, works in {"python3.19": 1, "python3.17": 0, "python3.12": 0}.items():
        (tmp_path / name).write_text(FAKE.format(name=name, works=works, log=tmp_path / "log"))
        (tmp_path / name).chmod(0o755)
    return tmp_path


def install(pythons: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh where there are these Pythons."""
    env = {"PATH": f"{pythons}:{SYSTEM}", "LOADKIT_HOME": str(pythons / "home"), **env}
    return subprocess.run(["env", "-i", *words(env), "bash", str(FLEET / "install.sh"), *arguments],
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip


def test_install_takes_the_newest_python_that_works(pythons: Path) -> None:
    """It makes an environment of its own there and gives pip the specification as it is."""
    done = install(pythons, "/a folder/x.whl[all]", "more")

    assert done.returncode == 0, done.stderr
    log = (pythons / "log").read_text()
    assert log.startswith(f"python3.17 -m venv {pythons}/home\npython3.17 -m pip install")
    assert log.splitlines()[1].endswith(" /a folder/x.whl[all] more")


def test_install_says_what_it_lacks(pythons: Path) -> None:
    """Exit 2 without anything to install, and with a Python that is too old or not there."""
    nothing, old = install(pythons), install(pythons, "x.whl", PYTHON=str(pythons / "python3.19"))

    assert (nothing.returncode, old.returncode) == (2, 2)
    assert "say what to install" in nothing.stderr
    assert "is not Python 3.11 or newer: install one, or set PYTHON" in old.stderr
    assert not (pythons / "log").exists()


# lint


def test_scripts_pass_shellcheck() -> None:
    """Not one remark, of any severity."""
    assert shellcheck(FLEET) == ""


@pytest.mark.parametrize(
    ("script", "old", "new"),
    [
        ("worker.sh", '"$LOADKIT_SCENARIO"', "$LOADKIT_SCENARIO"),
        ("master.sh", '"${words[@]}"', "${words[*]}"),
        ("lib.sh", '--name "$1"', "--name $1"),
    ],
)
def test_a_quote_left_out_is_caught(tmp_path: Path, script: str, old: str, new: str) -> None:
    """ShellCheck refuses a word that the shell would split."""
    assert "SC20" in shellcheck(planted(tmp_path, script, old, new))


def shellcheck(scripts: Path) -> str:
    """Return what ShellCheck says of the scripts and of what they read."""
    files = [str(scripts / name) for name in ("install.sh", "master.sh", "worker.sh")]
    command = [tool("shellcheck"), "--check-sourced", "--external-sources", "--format", "gcc", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout
