"""`loadkit worker` and `--expect-workers`: load processes that join, die, come late and are sent home."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from ahead import ahead, parts
from locust_process import free_port
from running import SECRET, SECRET_TARGET, Command, Ended, refused
from tap import Tap

from loadkit.secrets import forms
from trust.fleet import merging

TOKEN = "a-token-of-the-test-0123456789"
SCENARIO = """
from loadkit import ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    fixed_count = 6
    topic = orders
    rate = "300/s"
    payload = payloads.constant(size="100B")
"""
SUNK = """
from loadkit import swarm, swarm_worker
from loadkit.clusters import SinkCluster
from loadkit.site import OpenTarget
from loadkit.targets.simspec import SimulatedSpec

def open_target(target, scenario, say):
    say("reached with " + target.client_config("admin")["sasl.password"])
    return OpenTarget(target, None, None)

def cluster(target, scenario, names):
    password = target.client_config("producer")["sasl.password"]
    assert password.startswith("s3cr3t")
    print("read the password", password[:1], flush=True)
    return SinkCluster(SimulatedSpec.parse("simulated"), scenario, names)

swarm.open_target, swarm_worker.cluster = open_target, cluster
"""
"""A target file with a secret, of which a sink takes the messages."""
HERE = ["--warmup", "1s", "--json"]


def write(path: Path, text: str) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def worker(folder: Path, name: str, scenario: Path, port: int, *more: str, **env: str) -> Command:
    """Return a load process under way."""
    return Command(folder / name, "worker", str(scenario), "--master", f"127.0.0.1:{port}", *more, **env)


def joined(*commands: Command) -> None:
    """Return when all have joined their master."""
    for command in commands:
        command.until(lambda command=command: "joined the master" in command.said, "joining")  # type: ignore[misc]


# as one process


@ahead
def alike(folder: Path) -> tuple[merging.Buckets, merging.Buckets, Ended, list[Ended]]:
    """Return the latencies of one process and of a guarded fleet of two, and how the fleet's commands ended."""
    one = merging.run(folder / "one", 0, 3)
    port, values = free_port(), folder / "values"
    values.mkdir()
    token = write(folder / "token", f"{TOKEN}\n")
    env = {"LOADKIT_TRUST_VALUES": str(values)}
    words = ["run", str(merging.SCENARIO), "--target", "simulated?sink=1", "--duration", "3s", "--warmup", "0s",
             "--expect-workers", "2", "--master-bind", f"0.0.0.0:{port}", "--token-file", str(token), "--json",
             "--out", str(folder / "fleet")]  # fmt: skip
    with (
        Command(folder / "fleet", *words, **env) as master,
        worker(folder, "first", merging.SCENARIO, port, "--token-file", str(token), **env) as first,
        worker(folder, "second", merging.SCENARIO, port, LOADKIT_TOKEN=TOKEN, **env) as second,
    ):
        ended = master.ended()
        workers = [first.ended(), second.ended()]
    fleet = merging.of_log(folder / "fleet" / "histograms.hlog") if ended.code == 0 else {}
    return dict(one["same"]), fleet.get(merging.SAME, {}), ended, workers


def test_a_fleet_is_one_process_in_every_bucket(
    alike: tuple[merging.Buckets, merging.Buckets, Ended, list[Ended]],
) -> None:
    """The same messages at the same delays by two processes that joined with the token, which nobody was told."""
    one, fleet, ended, workers = alike
    result = ended.ok().result
    assert one
    assert merging.unlike(one, fleet) == 0
    assert result["workers"] == 2
    assert result["totals"]["Checkout"]["acked"] == result["totals"]["Checkout"]["due"] == 4800
    assert result["notes"] == []
    for one_ended in (ended, *workers):
        assert TOKEN not in one_ended.stdout + one_ended.stderr


def test_load_processes_end_with_their_master(
    alike: tuple[merging.Buckets, merging.Buckets, Ended, list[Ended]],
) -> None:
    """Exit 0 and no word but that they joined."""
    for ended in alike[3]:
        assert ended.ok().stderr.startswith("joined the master at 127.0.0.1:")
        assert len(ended.stderr.splitlines()) == 1


# one is silent, one is stopped, one comes late


@dataclass(frozen=True, slots=True)
class Changed:
    """A run whose load processes changed."""

    master: Ended
    begun: str
    """When it began, as its file said before any of that."""
    silent: Ended
    stopped: Ended
    stayed: Ended
    late: Ended
    passed: bytes
    """What passed between the master and the load process that stayed."""


def measuring(master: Command) -> set[str]:
    """Return the load processes of which a run under way has written what they measured."""
    whole = (master.out / "series.jsonl").read_text().split("\n")[:-1]
    return {row["name"] for row in map(json.loads, whole) if row["kind"] == "host"}


def name_of(joined_one: Command | Ended) -> str:
    """Return the name by which a master knows a load process."""
    said = joined_one.said if isinstance(joined_one, Command) else joined_one.stderr
    (found,) = re.findall(r"joined the master at \S+ as (\S+):", said)
    return str(found)


@ahead
def changed(folder: Path) -> Changed:
    """Let one of three load processes stand still for seconds, stop another, let a fourth join; end by Ctrl-C."""
    scenario, target = write(folder / "steady.py", SCENARIO + SUNK), write(folder / "secret.toml", SECRET_TARGET)
    port, env = free_port(), {"LOADKIT_TEST_PASSWORD": SECRET}
    words = ["run", str(scenario), "--target", str(target), "--duration", "100s", "--expect-workers", "3",
             "--master-bind", f"127.0.0.1:{port}", "--out", str(folder / "out"), *HERE]  # fmt: skip
    with (
        Tap(port, folder / "passed") as tap,
        Command(folder / "out", *words, **env) as master,
        worker(folder, "silent", scenario, port, **env) as silent,
        worker(folder, "stopped", scenario, port, **env) as stopped,
        worker(folder, "stayed", scenario, tap.port, **env) as stayed,
    ):
        joined(silent, stopped, stayed)
        master.until_written(1)
        begun = str(json.loads((folder / "out" / "result.json").read_text())["started_at"])
        silent.signal(signal.SIGSTOP)
        master.until(lambda: f"{name_of(silent)} died with " in master.said, "naming who is silent")
        silent.signal(signal.SIGCONT)
        master.until(lambda: f"{name_of(silent)} is heard again" in master.said, "hearing it again")
        stopped.signal(signal.SIGTERM)
        was_stopped = stopped.ended()
        master.until(lambda: f"{name_of(stopped)} was stopped with " in master.said, "naming who was stopped")
        with worker(folder, "late", scenario, port, **env) as late:
            joined(late)
            master.until(lambda: f"{name_of(late)} came late: the run goes on" in master.said, "hearing who came late")
            master.until(lambda: name_of(late) in measuring(master), "measuring by who came late")
            master.signal(signal.SIGINT)
            ended = master.ended()
            return Changed(ended, begun, silent.ended(), was_stopped, stayed.ended(), late.ended(), tap.seen)


def test_who_is_missing_is_named_and_the_run_goes_on(changed: Changed) -> None:
    """Both are in the result with their users; the run is the same one, and whole."""
    result = changed.master.result
    assert changed.master.code == 130
    assert result["status"] == "interrupted"
    assert result["started_at"] == changed.begun
    lost = "\n".join(note["text"] for note in result["notes"] if note["code"] == "worker_lost")
    assert re.search(rf"load process {name_of(changed.silent)} died with \d users, \d+% of all", lost)
    assert re.search(rf"load process {name_of(changed.stopped)} was stopped with \d users, \d+% of all", lost)
    assert "users_changed" in {note["code"] for note in result["notes"]}


def test_who_is_heard_again_takes_its_part(changed: Changed) -> None:
    """What it measured after it stood still is in the result, as is what the one that came late measured."""
    lines = changed.master.stderr.splitlines()
    again = next(at for at, line in enumerate(lines) if f"{name_of(changed.silent)} is heard again" in line)
    assert [line for line in lines[again:] if "users share the rates from" in line]
    measured: dict[str, list[int]] = {}
    for row in changed.master.rows:
        if row["kind"] == "host":
            measured.setdefault(row["name"], []).append(row["t"])
    stood = measured[name_of(changed.silent)]
    assert max(after - before for before, after in pairwise(stood)) >= 3
    assert name_of(changed.late) in measured


def test_a_load_process_that_is_stopped_reports_before_it_goes(changed: Changed) -> None:
    """143 by SIGTERM, and 0 for those whose master ended."""
    assert changed.stopped.code == 143
    assert changed.stopped.stderr.splitlines()[-1] == "interrupted: what was measured until now has been reported"
    assert (changed.silent.code, changed.stayed.code, changed.late.code) == (0, 0, 0)


def test_no_secret_of_the_target_passes_or_is_said(changed: Changed) -> None:
    """The master sends the target's name, and each load process reads the secret itself: no form of it is anywhere."""
    assert b"loadkit_plan" in changed.passed
    assert b"secret.toml" in changed.passed
    assert "reached with" in changed.master.stderr
    assert "read the password" in changed.stayed.stdout
    said = [changed.master, changed.silent, changed.stopped, changed.stayed, changed.late]
    kept = [path.read_bytes() for path in changed.master.out.rglob("*") if path.is_file()]
    texts = [changed.passed, *kept, *((one.stdout + one.stderr).encode() for one in said)]
    for form in forms(SECRET):
        assert not [text for text in texts if form.encode() in text]


GUARD = f"""
from locust.rpc import Message, zmqrpc
from loadkit import swarm_guard
from loadkit.secrets import MASK

sent = []
zmqrpc.Client.send = lambda self, message: sent.append(message.data)
swarm_guard.mask()
MASK.add({SECRET!r})
client = object.__new__(zmqrpc.Client)
client.send(Message("exception", {{"msg": "refused: {SECRET}", "traceback": "line 1, {SECRET}"}}, "one"))
client.send(Message("logs", {{"worker_id": "one", "logs": ["it was {SECRET}"]}}, "one"))
print(sent)
public, secret = swarm_guard.keys({TOKEN!r})
assert swarm_guard.keys({TOKEN!r}) == (public, secret)
assert len({{public, secret, *swarm_guard.keys({TOKEN!r} + "!")}}) == 4
"""
"""What Locust itself would send of an exception and of logs, and the keys of two tokens."""


@ahead
def guarded(folder: Path) -> Ended:
    """Return what that printed: it brings Locust, so it runs as a command."""
    with Command(folder / "guard", code=GUARD) as command:
        return command.ended()


def test_locusts_own_messages_are_masked_and_keys_follow_from_the_token_alone(guarded: Ended) -> None:
    """Both sides make the same keys of one token, and others of another."""
    assert guarded.ok().stdout.count("••••") == 3
    assert SECRET not in guarded.stdout


# who does not come together


@ahead
def apart(folder: Path) -> tuple[Ended, Ended, Ended, Ended]:
    """Return a master and a load process with another file, a master that nobody joins, and a process without one."""
    scenario, other = write(folder / "a" / "one.py", SCENARIO), write(folder / "b" / "one.py", SCENARIO + "# changed\n")
    port = free_port()
    words = ["run", str(scenario), "--target", "simulated", "--expect-workers", "1", "--master-bind"]
    with (
        Command(folder / "master", *words, f"127.0.0.1:{port}", "--out", str(folder / "master")) as master,
        worker(folder, "unlike", other, port) as unlike,
    ):
        both = master.ended(), unlike.ended()
    with (
        Command(folder / "alone", *words, f"127.0.0.1:{free_port()}", "--expect-within", "1s") as alone,
        worker(folder, "lost", scenario, free_port(), "--wait", "1s") as lost,
    ):
        return *both, alone.ended(), lost.ended()


unlike_master, unlike_worker, alone, lost = parts("apart", "unlike_master", "unlike_worker", "alone", "lost")


def test_a_load_process_with_another_file_is_refused_and_the_run_does_not_begin(
    unlike_master: Ended, unlike_worker: Ended
) -> None:
    """Both name the difference."""
    refused(unlike_master, 2, "scenario file", "give all hosts the same loadkit and the same scenario file")
    refused(unlike_worker, 3, "scenario file", "give all hosts the same loadkit and the same scenario file")


def test_who_waits_in_vain_ends_with_the_way_out(alone: Ended, lost: Ended) -> None:
    """Exit 3 on either side: what to start, and where."""
    refused(alone, 3, "only 0 of 1 load processes were ready within 1", "loadkit worker", "--master HOST:PORT")
    refused(lost, 3, "no master at 127.0.0.1:", "--expect-workers N --master-bind HOST:PORT")


# longer variants


@pytest.mark.long
def test_sixteen_processes_are_one_in_every_bucket(tmp_path: Path) -> None:
    """Started by the command itself, on the simulated sink."""
    one, many = merging.run(tmp_path / "one", 0, 5), merging.run(tmp_path / "many", 16, 5)
    assert many["processes"] == 16
    assert many["acked"] == many["due"] == one["acked"] > 0
    assert many["unlike"] == one["unlike"] == 0
    assert merging.unlike(dict(one["same"]), dict(many["same"])) == 0


@pytest.mark.long
def test_another_token_is_not_let_in(tmp_path: Path) -> None:
    """The master does not hear of it; the load process says what to look at, and what passes is not readable."""
    scenario, port = write(tmp_path / "one.py", SCENARIO), free_port()
    words = ["run", str(scenario), "--target", "simulated", "--expect-workers", "1", "--expect-within", "20s",
             "--master-bind", f"127.0.0.1:{port}", "--out", str(tmp_path / "master")]  # fmt: skip
    with (
        Tap(port, tmp_path / "passed") as tap,
        Command(tmp_path / "master", *words, LOADKIT_TOKEN=TOKEN) as master,
    ):
        master.until(lambda: "load processes are ready" in master.said, "listening")
        with (
            worker(tmp_path, "other", scenario, tap.port, "--wait", "1s", LOADKIT_TOKEN=TOKEN[::-1]) as other,
            worker(tmp_path, "none", scenario, port, "--wait", "1s", LOADKIT_TOKEN="") as none,
        ):
            refused(other.ended(), 3, "did not answer within", "has it the same token?")
            refused(none.ended(), 3, "did not answer within", "has it a token")
        refused(master.ended(), 3, "only 0 of 1 load processes were ready")
    assert b"client_ready" not in tap.seen
    assert b"CURVE" in tap.seen


@pytest.mark.long
def test_a_sweep_steps_through_its_points_with_a_fleet(tmp_path: Path) -> None:
    """Rates come from the master, trial by trial; who died between them is replaced by who comes."""
    scenario, port = write(tmp_path / "one.py", SCENARIO), free_port()
    words = ["sweep", str(scenario), "--target", "simulated", "--vary", "Checkout.rate=200/s,600/s", "--duration", "3s",
             "--warmup", "0s", "--expect-workers", "2", "--master-bind", f"127.0.0.1:{port}", "--json",
             "--out", str(tmp_path / "sweep")]  # fmt: skip
    trials = tmp_path / "sweep" / "trials"
    with (
        Command(tmp_path / "sweep", *words) as master,
        worker(tmp_path, "first", scenario, port) as first,
        worker(tmp_path, "second", scenario, port) as second,
    ):
        joined(first, second)
        master.until(lambda: any('"measure"' in one.read_text() for one in trials.glob("*/series.jsonl")), "measuring")
        first.kill()
        with worker(tmp_path, "third", scenario, port) as third:
            document = master.ended().ok().document
            assert (second.ended().code, third.ended().code) == (0, 0)
    assert document["status"] == "complete"
    found = sorted(
        (json.loads(path.read_text()) for path in trials.glob("*/result.json")), key=lambda one: one["sweep"]["index"]
    )
    assert [one["code"] for one in found[0]["notes"]].count("worker_lost") == 1
    assert found[1]["notes"] == []
    for one in found[1:]:
        due = 3 * float(one["sets"]["Checkout.rate"].removesuffix("/s"))
        assert one["totals"]["Checkout"]["acked"] == due


@pytest.mark.long
def test_a_gate_takes_its_trials_from_load_processes(tmp_path: Path) -> None:
    """Both sides by the same two processes, in real time."""
    scenario = write(tmp_path / "one.py", SCENARIO)
    words = ["gate", str(scenario), "--baseline", "simulated", "--candidate", "simulated?network=3ms", "--workers", "2",
             "--fail-if", "latency.p50 > +10%", "--max-pairs", "7", "--duration", "2s", "--warmup", "1s", "--json",
             "--out", str(tmp_path / "gate")]  # fmt: skip
    with Command(tmp_path / "gate", *words) as command:
        ended = command.ended(240)
    assert ended.code == 1, ended.stderr
    found = [json.loads(path.read_text()) for path in (tmp_path / "gate").rglob("result.json")]
    assert {one["workers"] for one in found} == {2}
    assert {one["target"]["name"] for one in found} == {"simulated?sink=1", "simulated?network=3ms&sink=1"}
