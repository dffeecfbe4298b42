"""`loadkit run --fault` on a cluster of its own: what a broker suffered, what the run says of it, and that all is mended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from ahead import ahead
from running import ORDERS, PATIENCE, QUICK, STEADY, Ended, eventually, processes_of, run, sets, start, untouched

pytestmark = pytest.mark.kafka

ONE = f"embedded?heap=512m&{QUICK}"
RATE = sets("Clock.rate=300/s")


@ahead
def paused(folder: Path) -> Ended:
    """Return a run whose only broker stood still for two seconds."""
    flags = ("--duration", "9s", "--warmup", "1s", "--fault", "pause broker 1 at 4s for 2s")
    return run(STEADY, ONE, folder / "paused", *RATE, *flags).ok()


def test_a_fault_stands_in_latency_result_warnings_and_page(paused: Ended) -> None:
    """Who was due when the broker stood still waited until it went on; nothing was lost; all of it is told."""
    untouched(paused)
    (fault,) = paused.result["faults"]
    measure = next(phase for phase in paused.result["phases"] if phase["name"] == "measure")
    assert fault["planned"] == pytest.approx([measure["start"] + 4, measure["start"] + 6])
    assert fault["planned"][0] <= fault["begin"] < fault["end"] <= fault["back"]
    assert (paused.metrics["latency.max"] or 0) >= fault["end"] - fault["begin"] - 0.1
    (told,) = paused.document["faults"]
    assert told["disturbed"] >= 1, told
    note = next(one["text"] for one in paused.document["warnings"] if one["code"] == "fault")
    assert note.startswith("broker 1 was paused from ")
    assert "pause broker 1" in (paused.out / "report.html").read_text()


@ahead
def interrupted(folder: Path) -> Ended:
    """Return a run that was stopped while its broker stood still for a minute, with a temporary folder of its own."""
    own = folder / "tmp-interrupted"
    own.mkdir()
    flags = ("--duration", "90s", "--warmup", "1s", "--fault", "pause broker 1 at 2s for 60s")
    with start(STEADY, ONE, folder / "interrupted", *RATE, *flags, TMPDIR=str(own)) as command:
        command.until_measuring(4)
        command.signal(signal.SIGINT)
        return command.ended()


@pytest.mark.long
def test_a_paused_broker_goes_on_when_the_run_is_stopped(interrupted: Ended) -> None:
    """So the run drains, every message is accounted for, and no process is left."""
    assert interrupted.code == 130, interrupted.stderr
    untouched(interrupted)
    (fault,) = interrupted.result["faults"]
    assert fault["begin"] < fault["end"] < fault["planned"][1]
    place = interrupted.out.with_name("tmp-interrupted")
    assert eventually(lambda: not processes_of(place) and not list(place.glob("loadkit-kafka-*")), 10.0)


@ahead
def cut(folder: Path) -> Ended:
    """Return a run on three brokers of which one was cut off until the others had taken over, and one was killed.

    A client waits for what it sent to the one that was cut off as long as `socket.timeout.ms` says: 60 s, if nothing.
    (librdkafka tells `request.timeout.ms` to the broker and does not go by it itself.)
    """
    waits = sets("Checkout.rate=300/s", "socket.timeout.ms=8000")
    flags = ("--duration", "65s", "--warmup", "3s", *waits)
    faults = ("--fault", "partition broker 2 at 6s for 24s", "--fault", "kill broker 3 at 38s for 4s")
    with start(ORDERS, f"embedded:3?{QUICK}", folder / "cut", *flags, *faults) as command:
        return command.ended(65 + PATIENCE).ok()


@pytest.mark.long
def test_a_broker_that_is_cut_off_is_replaced_and_comes_back(cut: Ended) -> None:
    """Cut off from clients and brokers alike it loses its partitions to the others; nothing is lost, and all is mended.

    Were its way to the controller open it would keep them, and they would be silent for as long as the cut lasts.
    """
    untouched(cut)
    first, second = cut.result["faults"]
    assert (first["error"], second["error"]) == (None, None)
    assert "forwarded=2" in cut.result["target"]["name"]
    seconds: dict[str, set[int]] = {}
    for row in cut.rows:
        if row["kind"] == "partition" and row.get("acked"):
            seconds.setdefault(row["name"], set()).add(row["t"])
    whole = range(int(first["begin"]) + 1, int(first["end"]))
    silent = {name: len(set(whole) - found) for name, found in seconds.items()}
    assert max(silent.values()) >= 3, silent
    assert all(set(whole) & found for found in seconds.values()), silent
