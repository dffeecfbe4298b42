"""Plain Locust drives a scenario: one process or many, headless or by the web UI, on the simulated sink."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ahead import ahead
from locust_process import (
    Ended,
    Locust,
    alive,
    csv_counts,
    free_port,
    html_counts,
    measured,
    processes,
    recorded,
    scheduled,
    sets,
    wait,
)

RATE = 400.0
LOW = ["--target", "simulated", "--warmup", "1s", *sets("Checkout.rate=400/s", "Checkout.payload.size=200B")]
"""The machine is shared, and a low rate tells the truth as well."""
FOREVER = "simulated?sink=1&network=100s"
"""A sink that confirms after more than three minutes: what was sent is in flight when the run ends."""


@ahead
def two(folder: Path) -> Ended:
    """Return a run of two forked processes up to its time limit, Locust's own files beside the result."""
    extra = ["--csv", str(folder / "two"), "--html", str(folder / "two.html")]
    return Locust(folder / "two", "--headless", "-t", "8s", *processes(2), *LOW, *extra).ended().in_order()


@ahead
def forty(folder: Path) -> Ended:
    """Return a run of forty users in one process."""
    extra = [*sets("Checkout.fixed_count=36", "Billing.fixed_count=4"), "--csv", str(folder / "forty")]
    locust = Locust(folder / "forty", "--headless", *LOW[2:], *extra, LOADKIT_TARGET="simulated").until_measuring(2)
    locust.group(signal.SIGINT)
    return locust.ended().in_order()


def complete(ended: Ended, rate: float = RATE) -> None:
    """Fail unless a run sent and got confirmed exactly the class's schedule, and every count of it agrees."""
    result = ended.result
    total = result["totals"]["Checkout"]
    assert total["due"] == total["sent"] == total["acked"], total
    assert total["due"] in scheduled(rate, measured(result)), (total, result["phases"])
    counts = recorded(ended.out)
    assert counts["Checkout.latency"] == counts["Checkout.service_time"] == counts["Checkout.send_delay"]
    warmup = sum(row.get("acked", 0) for row in rows(ended) if row["kind"] == "producer" and row["phase"] == "warmup")
    assert counts["Checkout.latency"] == total["acked"] + warmup


def rows(ended: Ended) -> list[dict[str, object]]:
    """Return the rows of `series.jsonl`."""
    return [json.loads(line) for line in (ended.out / "series.jsonl").read_text().splitlines()]


def same_as_locust(ended: Ended, counted: dict[str, int]) -> None:
    """Fail unless Locust counted what our log of histograms holds."""
    counts = recorded(ended.out)
    sent, got = counts["Checkout.latency"], counts["Billing.end_to_end"]
    assert counted == {"Checkout": sent, "Billing": got, "Aggregated": sent + got}


def test_two_processes_send_exactly_the_class_schedule(two: Ended) -> None:
    """Rate and numbers of a class are shared by its users in both processes: due = sent = acked = its schedule."""
    complete(two)
    assert two.result["status"] == "complete"
    assert two.result["notes"] == []


def test_one_process_with_forty_users_sends_the_same_schedule(forty: Ended) -> None:
    """Forty users connect in one process, though gevent's own pool has ten places, and share the same 400/s."""
    complete(forty)
    classes = forty.result["classes"]
    assert (classes["Checkout"]["users"], classes["Billing"]["users"]) == (36, 4)


def test_every_user_of_fixed_count_is_started(two: Ended) -> None:
    """Without -u Locust starts one user; the classes ask for four and three."""
    classes = two.result["classes"]
    assert (classes["Checkout"]["users"], classes["Billing"]["users"]) == (4, 3)


def test_both_processes_produce_and_consume(two: Ended) -> None:
    """A class's users are spread over the processes, and each process reports itself."""
    hosts = {row["name"] for row in rows(two) if row["kind"] == "host"}
    assert len(hosts) == 2
    assert recorded(two.out)["Billing.end_to_end"] == recorded(two.out)["Checkout.latency"]


@pytest.mark.parametrize("read", [csv_counts, html_counts])
def test_locusts_own_files_count_what_was_merged(two: Ended, read: Callable[[Path], dict[str, int]]) -> None:
    """At the time limit the last second is in Locust's CSV and HTML files too: merged = sum of workers = Locust."""
    same_as_locust(two, read(two.out if read is csv_counts else two.out.with_name("two.html")))


def test_one_process_counts_the_same_as_locust(forty: Ended) -> None:
    """Also where there is nothing to merge."""
    same_as_locust(forty, csv_counts(forty.out))


def test_the_schedule_starts_when_all_are_connected(two: Ended, forty: Ended) -> None:
    """No user joined after the first message was due: nobody had to take over anybody's share."""
    for ended in (two, forty):
        codes = {note["code"] for note in ended.result["notes"]}
        assert "users_changed" not in codes
        first = min(row["t"] for row in rows(ended) if row["kind"] == "producer")  # type: ignore[type-var]
        assert first == 0


def fleet(folder: Path, workers: int) -> tuple[Locust, list[Locust]]:
    """Return a master and its workers, each a process on its own, once they measure."""
    port, users = str(free_port()), sets("Checkout.fixed_count=6")
    flags = ["--headless", "--master", "--expect-workers", str(workers), "--master-bind-port", port]
    master = Locust(folder / "fleet", *flags, *LOW, *users, "--csv", str(folder / "fleet"))
    each = ["--worker", "--master-port", port, *LOW, *users]
    return master, [Locust(folder / f"worker{i}", *each) for i in range(workers)]


@ahead
def survived(folder: Path) -> tuple[Ended, list[Ended]]:
    """Return a master and two of its three workers, after one was killed and one got Ctrl-C in its own terminal."""
    master, workers = fleet(folder, 3)
    killed, interrupted, left = workers
    try:
        master.until_measuring(1)
        killed.process.kill()
        master.until(lambda: "died with" in master.said, "naming the dead")
        interrupted.process.send_signal(signal.SIGINT)
        master.until(lambda: "9 users share" in master.said.partition("was stopped with")[2], "sharing anew")
        time.sleep(5)  # the new shares are in force a second later; then some whole seconds
        master.group(signal.SIGINT)
        return master.ended(), [interrupted.ended(), left.ended()]
    finally:
        for locust in (master, *workers):
            locust.kill()


@ahead
def stopped(folder: Path) -> tuple[Ended, list[Ended]]:
    """Return a master and its two workers, after one got Ctrl-C in its own terminal."""
    master, workers = fleet(folder, 2)
    try:
        master.until_measuring(1)
        workers[0].process.send_signal(signal.SIGINT)
        master.until(lambda: "was stopped with" in master.said, "naming the stopped")
        time.sleep(3)
        master.group(signal.SIGINT)
        return master.ended(), [worker.ended() for worker in workers]
    finally:
        for locust in (master, *workers):
            locust.kill()


def test_a_worker_that_dies_is_named_with_its_share_and_the_rest_finishes(survived: tuple[Ended, list[Ended]]) -> None:
    """Three of nine users died with it; the others share the rate from a stated instant on."""
    master, _ = survived
    notes = master.in_order().result["notes"]
    lost = [note["text"] for note in notes if note["code"] == "worker_lost"]
    assert "died with 3 users, 33% of all" in lost[0]
    assert "was stopped with 3 users, 50% of all" in lost[1]
    # Locust starts the users of one that said goodbye elsewhere, and then also those of the dead one
    assert [note["text"] for note in notes if note["code"] == "users_changed"][-1].startswith("9 users share the rates")
    assert master.result["status"] == "complete"


def test_what_a_dead_worker_did_not_send_is_unsent(survived: tuple[Ended, list[Ended]]) -> None:
    """Its share until the others took over is due and unsent; after that nothing is."""
    master, _ = survived
    total = master.result["totals"]["Checkout"]
    assert total["due"] in scheduled(RATE, measured(master.result))
    assert 0 < total["unsent"] < 0.5 * total["due"]
    last = [row for row in rows(master) if row["kind"] == "producer" and row["phase"] == "measure"][-3]
    assert last["due"] == RATE  # of the schedules that users follow then


def test_a_worker_stopped_on_its_own_reports_before_it_goes(
    stopped: tuple[Ended, list[Ended]], survived: tuple[Ended, list[Ended]]
) -> None:
    """Nothing that it sent is missing from the merged counts; of one that was killed the last second is."""
    for master, ended in (stopped, survived):
        assert [worker.clean().code for worker in ended] == [0, 0]
        assert recorded(master.out)["Checkout.latency"] == csv_counts(master.out)["Checkout"]
    total = stopped[0].result["totals"]["Checkout"]
    assert total["unacked"] == 0, total


@ahead
def ctrl_c(folder: Path) -> Ended:
    """Return a run of two forked processes after Ctrl-C."""
    flags = ["--csv", str(folder / "ctrl_c"), "--html", str(folder / "ctrl_c.html")]
    locust = Locust(folder / "ctrl_c", "--headless", *processes(2), *LOW, *flags).until_measuring(2)
    locust.group(signal.SIGINT)
    return locust.ended()


def test_ctrl_c_in_a_terminal_loses_nothing(ctrl_c: Ended) -> None:
    """The signal reaches every process: the forked ones leave it to the master, which drains them all."""
    ended = ctrl_c.in_order()
    complete(ended)
    assert ended.result["status"] == "complete"  # without -t it is how one ends a run
    same_as_locust(ended, csv_counts(ended.out))
    same_as_locust(ended, html_counts(ended.out.with_name("ctrl_c.html")))


def terminated(folder: Path, everyone: bool) -> Ended:
    """Return a run of two forked processes after SIGTERM to the master or to all."""
    name = f"sigterm-{everyone}"
    locust = Locust(folder / name, "--headless", "-t", "60s", *processes(2), *LOW, "--csv", str(folder / name))
    locust.until_measuring(2)
    if everyone:
        locust.group(signal.SIGTERM)
    else:
        locust.process.send_signal(signal.SIGTERM)
    return locust.ended()


@ahead
def sigterm_to_master(folder: Path) -> Ended:
    """Return a run whose master was terminated."""
    return terminated(folder, everyone=False)


@ahead
def sigterm_to_all(folder: Path) -> Ended:
    """Return a run of which every process was terminated."""
    return terminated(folder, everyone=True)


def test_sigterm_drains_and_keeps_everything(sigterm_to_master: Ended, sigterm_to_all: Ended) -> None:
    """Sent to the master or to all: the run ends early, says so, and every count agrees."""
    for ended in (sigterm_to_master, sigterm_to_all):
        complete(ended.in_order())
        assert ended.result["status"] == "interrupted"
        same_as_locust(ended, csv_counts(ended.out))


@ahead
def ctrl_c_twice(folder: Path) -> Ended:
    """Return a run after a second Ctrl-C while it drained in vain."""
    flags = ["--target", FOREVER, "--drain-timeout", "1h"]
    locust = Locust(folder / "twice", "--headless", *processes(2), *LOW, *flags).until_measuring(1)
    locust.group(signal.SIGINT)
    locust.until(lambda: "loadkit: drain" in locust.said, "draining")
    assert "interrupt again" in locust.said
    locust.group(signal.SIGINT)
    return locust.ended()


def test_a_second_ctrl_c_ends_the_draining(ctrl_c_twice: Ended) -> None:
    """Exit code 130 and no traceback, though nothing in flight was confirmed; what there is stays."""
    assert ctrl_c_twice.clean().code == 130
    total = ctrl_c_twice.result["totals"]["Checkout"]
    assert total["unacked"] == total["sent"] > 0


@ahead
def orphans(folder: Path) -> int:
    """Return how many forked processes ended because their master was killed."""
    locust = Locust(folder / "orphans", "--headless", *processes(2), *LOW).until_measuring()
    children = locust.children()
    locust.process.kill()
    try:
        wait(lambda: not any(map(alive, children)), lambda: f"{children} still alive\n{locust.said}")
        return len(children)
    finally:
        locust.process.wait()
        locust.kill()


def test_forked_processes_end_when_their_master_is_killed(orphans: int) -> None:
    """They would go on to send for a minute: each looks whether its parent is the same."""
    assert orphans == 2


@ahead
def lonely(folder: Path) -> Ended:
    """Return a worker whose master was killed."""
    port = str(free_port())
    flags = ["--headless", "--master", "--expect-workers", "1", "--master-bind-port", port]
    master = Locust(folder / "silent", *flags, *LOW)
    worker = Locust(folder / "lonely", "--worker", "--master-port", port, *LOW)
    master.until_measuring()
    master.kill()
    return worker.ended()


def test_a_worker_elsewhere_ends_when_its_master_is_silent(lonely: Ended) -> None:
    """No heartbeat for ten seconds: it ends, and says why."""
    assert lonely.code == 1
    assert "the master is gone" in lonely.said


@ahead
def late(folder: Path) -> Ended:
    """Return a run of a master that a second worker joined in the middle."""
    port = str(free_port())
    flags = ["--headless", "--master", "--expect-workers", "1", "--master-bind-port", port]
    master = Locust(folder / "late", *flags, *LOW)
    first = Locust(folder / "first", "--worker", "--master-port", port, *LOW)
    master.until_measuring(1)
    second = Locust(folder / "second", "--worker", "--master-port", port, *LOW)
    try:
        master.until(lambda: "users share the rates" in master.said, "sharing anew")
        time.sleep(3)
        master.group(signal.SIGINT)
        return master.ended()
    finally:
        first.kill()
        second.kill()


def test_a_worker_that_comes_late_takes_its_part(late: Ended) -> None:
    """It learns of the run under way, gets users, and shares the rate from a stated instant on: nothing is due twice."""
    ended = late.in_order()
    complete(ended)
    assert {note["code"] for note in ended.result["notes"]} == {"users_changed"}
    assert ended.said.count("came late: the run goes on") == 1
    assert ended.said.count("loadkit: measure") == 1
    assert len({row["name"] for row in rows(ended) if row["kind"] == "host"}) == 2
