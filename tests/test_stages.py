"""Which stage made the p99, on made-up seconds in each of which the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import result_fixture as made

from loadkit.analysis import blame, stages
from loadkit.analysis.blame import Blame
from loadkit.analysis.stages import BROKER, split
from loadkit.histogram import Histogram, LogLine
from loadkit.result import Result, Row, Writer, load

RATE, REQUESTS, LENGTH = 1000, 100, 20
"""Messages and requests a second, and seconds."""
CALM = {"send": 0.0002, "int_latency": 0.003, "outbuf": 0.0001, "network": 0.0005,
        "queue": 0.0, "local": 0.002, "remote": 0.001, "response": 0.0}  # fmt: skip
"""Mean time (s) of each stage when nothing is planted."""
CONFIG = {"linger.ms": "5", "enable.idempotence": "true"}


class Run:
    """A made-up run: the mean of each stage by second; p99s are twice the mean but where a test says otherwise."""

    def __init__(self) -> None:
        self.times = [dict(CALM) for _ in range(LENGTH)]
        self.throttle = 0.0
        self.held: dict[int, tuple[float, float]] = {}
        """Seconds by their place: for how long requests waited for a connection held back, and what responses told."""
        self.observed = True
        self.queue_full = 0
        self.config: dict[str, str] = dict(CONFIG)
        self.requests = REQUESTS
        self.p99: dict[str, float] = {}
        self.longest = {"rtt": 0.0, "outbuf": 0.0}
        self.silent: tuple[int, ...] = ()
        """Seconds in which no request was answered."""
        self.skipped: tuple[int, ...] = ()
        """Seconds in which the broker's page was not answered."""

    def plant(self, stage: str, seconds: float, *at: int) -> Run:
        """Delay one stage in some seconds, or in all."""
        for t in at or range(LENGTH):
            self.times[t][stage] += seconds
        return self

    def write(self, out: Path) -> Result:
        """Return the run read back from disk: warm-up of 2 s, then the seconds."""
        writer = Writer(out, {"classes": {"Checkout": {"role": "producer", "topic": "orders", "config": self.config}}})
        writer.begin(1000.0, "1970-01-01T00:16:40Z")
        gone: dict[str, float] = {}
        for at, times in enumerate(self.times):
            t = at + 2
            writer.append(_lines(t, times, self._trip(t, times)), [self._client(t, times), self._producer(t)])
            gone = {name: gone.get(name, 0.0) + value for name, value in self._broker(times).items()}
            if self.observed and at not in self.skipped:
                writer.append([], [{"t": t, "phase": "measure", "kind": "broker", "name": "broker 1", **gone}])
                gone = {}
        phases = [{"name": "measure", "start": 2.0, "end": 2.0 + LENGTH}]
        writer.close(status="complete", phases=phases)
        return load(out)

    def _throttle(self, t: int) -> tuple[float, float]:
        return self.held.get(t - 2, (self.throttle, self.throttle))

    def _trip(self, t: int, times: dict[str, float]) -> float:
        return sum(times[name] for name in ("network", "queue", "local", "remote", "response")) + self._throttle(t)[0]

    def _client(self, t: int, times: dict[str, float]) -> Row:
        requests = 0 if t - 2 in self.silent else self.requests
        row: Row = {"t": t - 1, "until": t + 0.8, "phase": "measure", "kind": "client", "name": "Checkout@w1", "role": "producer",
                    "connections": 1, "throttle_sum": self._throttle(t)[1] * requests}  # fmt: skip
        for name, value, count in (("int_latency", times["int_latency"], RATE), ("outbuf", times["outbuf"], requests),
                                   ("rtt", self._trip(t, times), requests)):  # fmt: skip
            p99 = self.p99.get(name, 2 * value)
            row |= {f"{name}_sum": value * count, f"{name}_count": count, f"{name}_p99": p99}
        return {**row, **{f"{name}_max": found or row[f"{name}_p99"] for name, found in self.longest.items()}}

    def _producer(self, t: int) -> Row:
        return {
            "t": t,
            "phase": "measure",
            "kind": "producer",
            "name": "Checkout",
            "acked": RATE,
            "queue_full": self.queue_full,
        }

    def _broker(self, times: dict[str, float]) -> dict[str, float]:
        parts = {
            f"produce_{name}_sum": times[name] * self.requests for name in ("queue", "local", "remote", "response")
        }
        return {"produce_count": float(self.requests), **parts}


def _lines(t: int, times: dict[str, float], trip: float) -> list[LogLine]:
    """Return a second's histograms: 2 % of the messages take three times the mean of the rest in every stage."""
    lines = []
    service = times["int_latency"] + times["outbuf"] + trip
    for series, mean in (
        ("send_delay", times["send"]),
        ("service_time", service),
        ("latency", times["send"] + service),
    ):
        values = np.full(RATE, mean / 1.04)
        values[: RATE // 50] *= 3
        recorded = Histogram()
        recorded.record((values * 1e6).astype(np.int64))
        lines.append(LogLine(f"Checkout.{series}", float(t), 1.0, recorded))
    return lines


def verdict(run: Run, out: Path) -> Blame:
    """Return the verdict on a run, whose shares always sum to one."""
    result = run.write(out)
    found = blame.of_result(result, stages.read(result))
    assert found is not None
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.share == max(found.shares.values()) == found.shares[found.stage]
    return found


PLANTED = {
    "send": "send delay", "outbuf": "send buffer", "network": "network", "queue": "broker queue",
    "local": "broker local", "remote": "broker remote", "response": "broker response",
}  # fmt: skip


@pytest.mark.parametrize(("planted", "named"), PLANTED.items())
def test_a_delay_in_every_second_is_named(planted: str, named: str, tmp_path: Path) -> None:
    """A stage that takes 30 ms more all along made most of the p99."""
    found = verdict(Run().plant(planted, 0.03), tmp_path)
    assert (found.stage, found.clear) == (named, True)
    assert named in found.sentence


@pytest.mark.parametrize(("planted", "named"), PLANTED.items())
def test_a_delay_in_one_second_is_named_though_it_hardly_moves_the_means(
    planted: str, named: str, tmp_path: Path
) -> None:
    """The p99 of the whole run is made in that second alone."""
    found = verdict(Run().plant(planted, 0.2, 7), tmp_path)
    assert (found.stage, found.clear) == (named, True)


def test_requests_that_wait_for_the_only_one_under_way_are_counted_to_what_it_waits_for(tmp_path: Path) -> None:
    """Not to the connection: nothing may be written until the response has come."""
    run = Run().plant("local", 0.007).plant("outbuf", 0.03).plant("int_latency", 0.2)
    run.config = {**CONFIG, "max.in.flight.requests.per.connection": "1"}
    found = verdict(run, tmp_path)
    assert (found.stage, found.clear) == ("broker local", True)
    assert found.because[0].startswith("requests queued for a response: 1.1 of the 1 requests")


def test_linger_is_the_clients_own(tmp_path: Path) -> None:
    """Messages that wait as long as linger.ms says wait for nobody."""
    run = Run().plant("int_latency", 0.05)
    run.config["linger.ms"] = "110"
    found = verdict(run, tmp_path)
    assert (found.stage, found.because) == ("client queue", ())


def test_a_queue_behind_requests_that_are_all_under_way_is_counted_to_what_they_wait_for(tmp_path: Path) -> None:
    """Five requests of 48 ms at 100/s: messages wait longer in the queue than on the way, and the followers are why."""
    run = Run().plant("remote", 0.045).plant("int_latency", 0.2)
    found = verdict(run, tmp_path)
    assert found.stage == "broker remote"
    assert found.spent["client queue"] > sum(found.spent[name] for name in BROKER if name in found.spent)
    assert "of the 5 requests that may be in flight" in found.because[0]


def test_the_same_queue_is_the_clients_where_requests_had_room(tmp_path: Path) -> None:
    """Without idempotence a million may be in flight: then nobody waits for a response."""
    run = Run().plant("remote", 0.045).plant("int_latency", 0.2)
    run.config = {"linger.ms": "5"}
    found = verdict(run, tmp_path)
    assert (found.stage, found.because) == ("client queue", ())


def test_a_stall_of_few_requests_is_not_taken_for_the_clients_queue(tmp_path: Path) -> None:
    """Five of 1,000 requests took 300 ms: their p99 does not show it, but messages queued no longer than the longest."""
    run = Run().plant("int_latency", 0.15, 9).plant("network", 0.003, 9)
    run.longest["rtt"], run.requests = 0.31, 1000
    run.times = [{**times, "local": 0.0002, "remote": 0.0001} for times in run.times]
    found = verdict(run, tmp_path)
    assert found.stage == "network"
    assert "requests took up to 310 ms" in found.because[0]


def test_a_stall_of_the_way_is_not_taken_for_the_clients_queue(tmp_path: Path) -> None:
    """Requests that could not leave for 300 ms hold messages back as long as one that was not answered."""
    run = Run().plant("int_latency", 0.14).plant("outbuf", 0.15)
    run.longest["outbuf"] = 0.3
    assert verdict(run, tmp_path).stage == "send buffer"


def test_late_messages_are_counted_to_a_full_queue(tmp_path: Path) -> None:
    """A generator that may not hand over is not late by itself."""
    run = Run().plant("send", 0.5).plant("local", 0.04)
    run.queue_full = 12
    found = verdict(run, tmp_path)
    assert found.stage == "broker local"
    assert "the client's queue was full (" in found.because[0]


def test_a_quota_is_named_where_no_clock_of_the_broker_sees_it(tmp_path: Path) -> None:
    """The response comes at once and the connection is held back: the next request waits before the broker reads it."""
    run = Run()
    run.throttle = 0.04
    assert verdict(run, tmp_path).stage == "throttle"


def test_a_quota_that_holds_single_requests_back_is_named(tmp_path: Path) -> None:
    """A response tells for how long the next request will wait, which is told of seconds later."""
    run = Run()
    run.requests = 1
    run.silent = (11, 12)
    run.held = {10: (0.0, 3.1), 13: (3.1, 0.5), 14: (0.5, 0.0)}
    found = verdict(run, tmp_path)
    assert (found.stage, found.clear) == ("throttle", True)
    assert found.shares.get("network", 0.0) < 0.01


def test_without_brokers_the_round_trip_stays_whole(tmp_path: Path) -> None:
    """What was not observed is said, not guessed."""
    run = Run().plant("local", 0.03)
    run.observed = False
    found = verdict(run, tmp_path)
    assert found.stage == "round trip"
    assert "not observed" in found.because[-1]
    assert not set(found.shares) & {*BROKER, "network"}


def test_a_round_trip_below_the_brokers_whole_milliseconds_is_not_split(tmp_path: Path) -> None:
    """Four parts that are each rounded to a millisecond say nothing of 1.5 ms."""
    run = Run()
    run.times = [{**CALM, "local": 0.001, "remote": 0.0, "int_latency": 0.0} for _ in run.times]
    found = verdict(run, tmp_path)
    assert found.stage == "round trip"
    assert "whole milliseconds" in found.because[-1]


def test_two_stages_that_share_it_are_both_named(tmp_path: Path) -> None:
    """No certain answer where there is none."""
    found = verdict(Run().plant("send", 0.02).plant("outbuf", 0.022), tmp_path)
    assert not found.clear
    assert found.facts()["p99"] is None
    assert "send buffer" in found.sentence
    assert "send delay" in found.sentence


def test_a_page_that_was_missed_during_a_stall_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    """The broker's next row covers the seconds without one, so the stalled second is not without a broker."""
    run = Run().plant("local", 0.3, 7)
    run.skipped = (6, 7, 8)
    assert verdict(run, tmp_path).stage == "broker local"


def test_seconds_of_which_the_client_told_nothing_make_no_verdict(tmp_path: Path) -> None:
    """The last numbers of a client that is closed are lost: the p99 of the others is explained, and it is said."""
    run = Run().plant("remote", 0.05).plant("local", 0.5, LENGTH - 2, LENGTH - 1)
    result = run.write(tmp_path)
    kept = [row for row in result.rows if row["kind"] != "client" or row["t"] < LENGTH - 2]
    cut = Result(result.out, result.facts, kept, result.tracks)
    found = blame.of_result(cut, stages.read(cut))
    assert found is not None
    assert found.stage == "broker remote"
    assert "left out" in found.because[-1]


def test_the_wait_of_requests_that_took_seconds_is_found_where_they_left(tmp_path: Path) -> None:
    """A message that waited 3 s in the queue for a request of 3 s was clocked 3 s before it was acknowledged."""
    run = Run().plant("int_latency", 3.0, 9).plant("network", 3.0, 12)
    run.times[12]["send"] = 3.0  # as the latency of the second it was acknowledged in tells
    run.longest["rtt"] = 3.1
    found = verdict(run, tmp_path)
    assert found.spent["client queue"] > 3


def test_a_steady_delay_is_named_though_some_seconds_were_a_little_slower(tmp_path: Path) -> None:
    """What is usual is most of the round trip, so it is not what little there was more that is split."""
    run = Run().plant("local", 0.05).plant("network", 0.015, 5, 6)
    assert verdict(run, tmp_path).stage == "broker local"


def test_too_few_messages_have_no_p99_to_explain(tmp_path: Path) -> None:
    """Nine hundred messages are no verdict, and simulated runs have no client to ask."""
    result = Run().write(tmp_path)
    few = {
        tag: type(track)(tag, track.seconds[:1], track.counts[:1], track.maxima[:1])
        for tag, track in result.tracks.items()
    }
    for track in few.values():
        track.counts.data //= 2
    cut = Result(result.out, result.facts, result.rows, few)
    assert blame.of_result(cut, stages.read(cut)) is None
    bare = Result(result.out, result.facts, [row for row in result.rows if row["kind"] != "client"], result.tracks)
    assert stages.read(bare) is None


def test_stacked_means_sum_to_the_mean_latency_of_each_second(tmp_path: Path) -> None:
    """Means add up: what is stacked is the second's mean latency, however the stages share it."""
    result = Run().plant("remote", 0.02).plant("local", 0.1, 5).write(tmp_path)
    seconds = stages.read(result)
    assert seconds is not None
    means = stages.stack(seconds)
    whole = np.sum(list(means.values()), axis=0)
    some = seconds.columns["latency_count"] > 0
    assert whole[some] == pytest.approx(seconds.columns["latency_mean"][some], rel=0.01)
    assert some.sum() == LENGTH
    assert means["broker local"][5] == pytest.approx(0.102, rel=0.05)


@pytest.mark.parametrize("trip", [0.0, 0.003, 0.05, 0.4])
@pytest.mark.parametrize("rate", [0.0, 10.0, 100.0, 1e4])
@pytest.mark.parametrize(
    "broker", [None, dict.fromkeys(BROKER, 0.0), dict(zip(BROKER, (0.0, 0.002, 0.05, 0.0), strict=True))]
)
def test_the_parts_of_a_round_trip_sum_to_it(trip: float, rate: float, broker: dict[str, float] | None) -> None:
    """Whatever the clocks say, nothing is counted twice or below zero."""
    for throttle in (0.0, 0.03):
        parts = split(trip, rate, throttle, broker)
        assert sum(parts.values()) == pytest.approx(trip)
        assert min(parts.values()) >= 0


def test_waiting_behind_earlier_requests_of_a_connection_goes_to_what_they_waited_for() -> None:
    """Five in flight, each served 50 ms in turn: a round trip of 250 ms is no network of 200 ms."""
    served = dict(zip(BROKER, (0.0, 0.0, 0.05, 0.0), strict=True))
    busy = split(0.25, 20.0, 0.0, served)
    assert busy["broker remote"] == pytest.approx(0.25)
    idle = split(0.25, 0.5, 0.0, served)
    assert idle["broker remote"] == pytest.approx(0.05, rel=0.02)
    assert idle["network"] == pytest.approx(0.2, rel=0.01)


def test_the_page_and_the_terminal_name_the_stage() -> None:
    """The verdict stands in the answer, and the section draws what it rests on."""
    view: Any = made.view("healthy")
    found = blame.of_result(view.result, view.seconds)
    assert found is not None
    source = made.page("healthy")
    assert found.sentence.replace("'", "&#39;") in source
    for key in ("stages", "stage-percentiles"):
        assert f'data-for="chart-{key}"' in source
