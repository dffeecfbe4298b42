"""Whose limit a trial shows: facts to answers, as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import result_fixture as made

from loadkit.limit import Warn, judge
from loadkit.limit_facts import Facts, facts_of
from loadkit.result import load
from loadkit.summary import summarise

FINE = Facts(
    offered=1000.0, throughput=1000.0, unsent=0, send_delay_p99=0.001, process_cores=0.3, machine_busy=0.4,
    latency_p50=0.005, queue_full=0, lag_slope=0.0, consumed=1000.0, broker_idle=0.7, co_located=False,
)  # fmt: skip
"""A trial that met its load with room everywhere."""
SHORT: dict[str, Any] = {"throughput": 700.0, "unsent": 9000}
LATE: dict[str, Any] = {"send_delay_p99": 0.5}
FULL: dict[str, Any] = {"queue_full": 50}
READING: dict[str, Any] = {"offered": None, "throughput": None, "send_delay_p99": None}


@pytest.mark.parametrize(
    ("changes", "answer", "says"),
    [
        ({}, "none", "acknowledged 1,000 msg/s of 1,000 msg/s offered"),
        ({"throughput": 990.0}, "none", "left within 1.00 ms"),
        ({"process_cores": 1.5, "broker_idle": 0.05}, "none", "acknowledged"),
        ({"throughput": 980.0}, "cluster", "handed over on time and acknowledged late"),
        ({**SHORT, "send_delay_p99": None}, "unknown", "9,000 unsent"),
        ({**SHORT, **LATE, "process_cores": 0.95}, "generator", "used 0.95 cores and its queue never filled"),
        (
            {**SHORT, **LATE, "queue_full": 50},
            "cluster",
            "queue was full 50 times while the generator had CPU to spare",
        ),
        ({**SHORT, **LATE, "queue_full": 50, "process_cores": 0.95}, "cluster", "queue was full 50 times"),
        ({**SHORT, **LATE, "broker_idle": 0.1, "queue_full": 1}, "cluster", "idle only 10% of the time"),
        ({**SHORT, **LATE, "broker_idle": 0.1, "process_cores": 0.95}, "unknown", "cores and its queue never filled"),
        ({**SHORT, **LATE, "machine_busy": 0.97, "co_located": True}, "generator", "97% busy, shared with the brokers"),
        (
            {**SHORT, **LATE, "machine_busy": 0.97, "co_located": True, "queue_full": 3},
            "unknown",
            "shared with the brokers",
        ),
        ({**SHORT, **LATE, "machine_busy": 0.97}, "generator", "left late though the client's queue had room"),
        (
            {**SHORT, "unsent": 0, "send_delay_p99": 0.015, "latency_p50": 3.0},
            "cluster",
            "acknowledged late, half of them",
        ),
        ({**SHORT, "unsent": 0, "send_delay_p99": 0.5, "latency_p50": 3.0}, "generator", "left late"),
        ({"send_delay_p99": 0.015, "latency_p50": 0.2}, "none", "left within 15.0 ms"),
        ({"send_delay_p99": 0.015, "latency_p50": None}, "generator", "left late"),
        (LATE, "generator", "left late though the client's queue had room"),
        ({"unsent": 11}, "unknown", "11 unsent"),
        ({"unsent": 10}, "none", "acknowledged"),
        ({"lag_slope": 300.0}, "unknown", "lag grew by 300 msg/s"),
        ({"lag_slope": 9.0}, "none", "acknowledged"),
        ({"lag_slope": 140.0, "lag_noise": 150.0}, "none", "acknowledged"),
        ({"lag_slope": 160.0, "lag_noise": 150.0}, "unknown", "lag grew by 160 msg/s"),
        ({"lag_slope": 300.0, "outstanding": 0.2}, "unknown", "lag grew by 300 msg/s"),
        ({"lag_slope": 1000.0, "consumed": 0.0}, "unknown", "lag grew by 1,000 msg/s"),
        (READING, "none", "consumed 1,000 msg/s and lag did not grow"),
        ({**READING, "lag_slope": 500.0}, "unknown", "while lag grew"),
        ({**READING, "lag_slope": 500.0, "broker_idle": 0.1}, "cluster", "idle only 10%"),
        ({**READING, "lag_slope": 500.0, "process_cores": 0.99}, "generator", "used 0.99 cores"),
        ({**READING, "consumed": None}, "unknown", "nothing was measured"),
        ({"offered": 0.0, "throughput": 0.0}, "none", "acknowledged"),
        ({**SHORT, **LATE, **FULL, "outstanding": 0.2}, "generator", "0.20 of 5 requests unanswered on average"),
        ({**SHORT, **LATE, **FULL, "outstanding": 4.5}, "cluster", "while the generator had CPU to spare"),
        ({**SHORT, **LATE, **FULL, "outstanding": 4.5, "waited": 0.7}, "generator", "waited for a core 70%"),
        ({**SHORT, **LATE, **FULL, "outstanding": 4.5, "waited": 0.1}, "cluster", "full 50 times"),
        ({**SHORT, **LATE, **FULL, "outstanding": 4.5, "waited": 0.7, "spun": 0.8}, "cluster", "full 50 times"),
        ({**SHORT, **LATE, **FULL, "outstanding": 2.0, "waited": 0.7, "spun": 0.8}, "unknown", "9,000 unsent"),
        ({**SHORT, **LATE, **FULL, "outstanding": 1.0, "waited": 0.7, "spun": 0.8}, "generator", "a core 70%"),
        ({**SHORT, **LATE, **FULL, "outstanding": 4.5, "waited": 0.7, "broker_idle": 0.1}, "unknown", "idle only 10%"),
        ({**SHORT, "unsent": 0, "outstanding": 0.1}, "generator", "the load was not met while it had 0.10 of 5"),
        ({**SHORT, "unsent": 0, "outstanding": 4.9}, "cluster", "handed over on time and acknowledged late"),
        ({**SHORT, "unsent": 0, "outstanding": 4.9, "waited": 0.9}, "generator", "waited for a core 90%"),
        (
            {**SHORT, **LATE, **FULL, "outstanding": 4.9, "throttled": 0.05},
            "cluster",
            "throttled the client by 50.0 ms",
        ),
        ({**SHORT, "unsent": 0, "outstanding": 0.9, "throttled": 0.4}, "cluster", "throttled the client by 400 ms"),
        ({**SHORT, **LATE, "outstanding": 0.9}, "generator", "the load was not met while it had 0.90 of 5"),
        ({**SHORT, **LATE, **FULL, "outstanding": 0.9}, "generator", "0.90 of 5 requests unanswered"),
        ({**SHORT, **LATE, **FULL, "outstanding": 0.9, "in_flight": 1.0}, "cluster", "CPU to spare"),
        ({**SHORT, **LATE, **FULL, "outstanding": 2.5}, "unknown", "9,000 unsent"),
        ({**SHORT, **LATE, "machine_busy": 0.97, "co_located": True, "waited": 0.3}, "generator", "shared with"),
        (
            {**SHORT, **LATE, **FULL, "machine_busy": 0.97, "co_located": True, "waited": 0.05},
            "cluster",
            "while the generator had CPU to spare",
        ),
        ({**SHORT, **LATE, "steal": 0.3}, "generator", "gave 30% of the cores to others"),
        (
            {**SHORT, **LATE, **FULL, "share": 0.97, "share_exact": True},
            "unknown",
            "at 97% of what one of this machine",
        ),
        ({**SHORT, **LATE, "share": 0.97, "share_exact": True}, "generator", "at this size and setting"),
        ({**SHORT, **LATE, **FULL, "share": 0.97}, "cluster", "full 50 times"),
        ({"share": 0.12, "share_exact": True}, "none", "at 12% of what one of this machine makes at this size"),
        ({"share": 0.12}, "none", "makes at the nearest calibrated size"),
    ],
)
def test_the_limit_follows_from_the_evidence(changes: dict[str, Any], answer: str, says: str) -> None:
    """A certain answer needs evidence on one side and none on the other; the evidence is told in words."""
    judged = judge(replace(FINE, **changes))
    assert judged.limit == answer, judged.evidence
    assert says in " | ".join(judged.evidence)


def test_facts_come_from_the_measured_phase_alone(tmp_path: Path) -> None:
    """CPU is that of the busiest process over the measured seconds, idle ratios the lowest mean of any broker."""
    result = load(made.healthy(tmp_path / "run", seconds=12, warmup=3))
    for row in result.rows:
        if row["kind"] == "host":
            row["cpu"] = 0.5 if row["phase"] == "measure" else 40.0
    start, end = result.measured
    names = {row["name"] for row in result.of_kind("host")}
    assert (start, end) == (3.0, 15.0)
    assert facts_of(result, {}).process_cores == pytest.approx(0.5 if names else None)
    result.rows.append(
        {"t": 5, "phase": "measure", "kind": "broker", "name": "broker 9", "request_idle": 0.01, "network_idle": 0.9}
    )
    result.rows.append(
        {"t": 6, "phase": "measure", "kind": "broker", "name": "broker 9", "request_idle": 0.03, "network_idle": 0.9}
    )
    assert facts_of(result, {}).broker_idle == pytest.approx(0.02)


def test_waiting_is_that_of_the_worst_process_and_answers_owed_those_of_the_client_that_was_owed_most(
    tmp_path: Path,
) -> None:
    """Shares of the time in which threads ran or wanted to; means over the measured seconds, client by client."""
    result = load(made.healthy(tmp_path / "run", seconds=12, warmup=3))
    result.rows[:] = [row for row in result.rows if row["kind"] not in ("host", "client")]
    assert facts_of(result, {}).waited is None
    assert facts_of(result, {}).outstanding is None
    for t in range(3, 15):
        for name, waited in (("one", 0.1), ("two", 0.9)):
            result.rows.append(
                {
                    "t": t,
                    "phase": "measure",
                    "kind": "host",
                    "name": name,
                    "cpu": 0.3,
                    "waited": waited,
                    "steal": 0.04,
                    "python": 0.1 if name == "two" else 0.3,
                }
            )
        for client, owed in (("a#1", 0.5), ("a#2", 4.0 if t % 2 else 0.0)):
            told = {"client": client, "role": "producer", "outstanding": owed, "throttle_avg": owed / 100}
            result.rows.append({"t": t, "phase": "measure", "kind": "client", "name": "Checkout@one", **told})
        reading = {"client": "c#3", "role": "consumer", "outstanding": 9.0}
        result.rows.append({"t": t, "phase": "measure", "kind": "client", "name": "Billing@one", **reading})
    found = facts_of(result, {})
    assert found.waited == pytest.approx(0.75)
    assert found.spun == pytest.approx(0.2)  # of that process
    assert found.steal == pytest.approx(0.04)
    assert found.outstanding is None  # the load was met in every second
    for row in result.of_kind("producer"):
        row["acked"] = 0 if row["t"] in (5, 6, 7) else row["due"]
    assert facts_of(result, {}).outstanding == pytest.approx(8 / 3)  # of the seconds in which it was not
    for row in result.of_kind("producer"):
        row["queue_full"] = int(row["t"] in (5, 7))
    assert facts_of(result, {}).outstanding == pytest.approx(4.0)  # of those in which the queue was full
    assert facts_of(result, {}).in_flight == 5
    result.facts["classes"]["Checkout"]["config"]["max.in.flight"] = "2"
    assert facts_of(result, {}).in_flight == 2
    assert found.throttled == pytest.approx(0.02)


def test_a_shift_of_commits_against_the_seconds_is_no_growing_lag(tmp_path: Path) -> None:
    """Offsets are committed once a second, so a group that keeps up is behind by anything up to a second's messages."""
    result = load(made.healthy(tmp_path / "run", seconds=10, warmup=3))
    rows = [row for row in result.of_kind("consumer") if row.get("lag") is not None]
    result.facts["classes"]["Billing"]["config"]["auto.commit.interval.ms"] = "1000"
    for row in rows:
        row["lag"] = 20_000 if row["t"] >= 8 else 0
    judged = summarise(result)
    assert (judged.metrics["lag.slope"] or 0) > 0.1 * 20_000
    assert judged.limit == "none", judged.evidence
    for row in rows:
        row["lag"] = 8_000 * (row["t"] - 3)
    assert summarise(result).limit == "unknown"


@pytest.mark.parametrize(
    ("partitions", "brokers", "idempotent", "may"),
    [(1, 1, "true", 1), (6, 3, "true", 2), (7, 3, "true", 3), (60, 3, "true", 5), (1, 1, "false", 5)],
)
def test_an_idempotent_client_may_have_a_request_for_each_partition_of_a_broker(
    tmp_path: Path, partitions: int, brokers: int, idempotent: str, may: float
) -> None:
    """librdkafka has one batch of a partition under way: one that has all it may have waits for the cluster."""
    result = load(made.healthy(tmp_path / "run", seconds=5, warmup=1))
    result.facts["classes"]["Checkout"]["config"]["enable.idempotence"] = idempotent
    result.facts["target"]["cluster"] = {"brokers": brokers}
    result.facts["target"]["topics"] = {result.facts["classes"]["Checkout"]["topic"]: {"partitions": partitions}}
    assert facts_of(result, {}).in_flight == may


@pytest.mark.parametrize(("make", "answer"), [(made.healthy, "none"), (made.generator_limited, "generator")])
def test_whole_results_are_judged(tmp_path: Path, make: Any, answer: str) -> None:
    """From the files of a trial to the answer."""
    assert summarise(load(make(tmp_path / "run"))).limit == answer


def test_every_warning_says_what_to_do_next() -> None:
    """A warning has a code, a text, and a next step that can be replaced by a better one."""
    for warn in Warn:
        said = warn.say("it happened")
        assert said == {"code": warn.name.lower(), "text": "it happened", "next": warn.value}
        assert len(said["next"]) > 10
    assert Warn.UNSENT.say("x", "do y")["next"] == "do y"


@pytest.mark.parametrize(
    ("row", "code", "says"),
    [
        ({"kind": "producer", "name": "Checkout", "overflow": 3}, "overflow", "3 latencies exceeded one hour"),
        ({"kind": "consumer", "name": "Billing", "negative": 2}, "negative", "2 latencies were negative"),
        ({"kind": "host", "name": "w", "poll_gap": 0.2, "cpu": 0.1}, "poll_gap", "200 ms"),
    ],
)
def test_odd_rows_become_warnings(tmp_path: Path, row: dict[str, Any], code: str, says: str) -> None:
    """What a row counts at the ends of a histogram, or a held-up loop, is told."""
    result = load(made.healthy(tmp_path / "run", seconds=12, warmup=1))
    before = {warning["code"] for warning in summarise(result).warnings}
    result.rows.append({"t": 5, "phase": "measure", **row})
    said = {warning["code"]: warning["text"] for warning in summarise(result).warnings}
    assert code not in before
    assert says in said[code]
