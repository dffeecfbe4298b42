"""librdkafka's statistics as flat numbers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from loadkit.targets.statistics import flatten

EMPTY = {"min": 0, "max": 0, "avg": 0, "sum": 0, "stddev": 0, "p50": 0, "p99": 0, "cnt": 0}


def window(average: int, p99: int, count: int = 40) -> dict[str, int]:
    """Return a rolling window in microseconds."""
    return {**EMPTY, "avg": average, "p99": p99, "cnt": count, "sum": average * count}


RAW: dict[str, Any] = {
    "name": "checkout#producer-1", "client_id": "checkout", "type": "producer", "ts": 5016483227792, "time": 1527060869,
    "age": 5_000_000, "replyq": 0, "msg_cnt": 22710, "msg_size": 704010, "tx": 631, "tx_bytes": 168_584_479,
    "rx": 631, "rx_bytes": 31084, "txmsgs": 4_300_753, "txmsg_bytes": 133_323_343,
    "brokers": {
        "b1:9092/1": {
            "name": "b1:9092/1", "nodeid": 1, "nodename": "b1:9092", "source": "configured", "state": "UP", "tx": 320, "txbytes": 84_283_332,
            "int_latency": window(900, 11_000), "outbuf_latency": window(30, 400), "rtt": window(1300, 8000), "throttle": window(0, 0),
            "req": {"Produce": 300, "Metadata": 2, "Fetch": 0, "ApiVersion": 1}, "toppars": {"orders-0": {"topic": "orders", "partition": 0}},
        },
        "b2:9092/2": {
            "name": "b2:9092/2", "nodeid": 2, "state": "UP", "tx": 310,
            "int_latency": window(800, 15_000), "outbuf_latency": window(20, 90), "rtt": window(2600, 7000), "throttle": window(250, 400),
            "req": {"Produce": 200, "Metadata": 1},
        },
        "boot:9092/bootstrap": {"name": "boot:9092/bootstrap", "nodeid": -1, "rtt": window(99_000, 99_000), "req": {"Produce": 7}},
    },
    "topics": {
        "orders": {
            "topic": "orders", "age": 4000, "metadata_age": 900, "batchsize": {**EMPTY, "cnt": 500, "sum": 8_000_000, "avg": 16_000},
            "batchcnt": {**EMPTY, "cnt": 500, "sum": 80_000},
            "partitions": {
                "0": {"partition": 0, "broker": 1, "leader": 1, "consumer_lag": -1}, "-1": {"partition": -1, "broker": -1, "consumer_lag": -1},
            },
        },
        "other": {"topic": "other", "batchsize": {**EMPTY, "cnt": 9, "sum": 9}},
    },
}  # fmt: skip


def test_one_emission_is_summed_over_brokers_and_the_worst_window_shown() -> None:
    """Counts are of the real brokers and of the own topic alone; windows in seconds, throttling given in milliseconds."""
    found = flatten(RAW, "orders")
    assert {name: found[name] for name in ("client", "role", "batches", "batch_bytes", "requests", "tx_bytes", "rx_bytes", "queue")} == {
        "client": "checkout#producer-1", "role": "producer", "batches": 500, "batch_bytes": 8_000_000, "requests": 500,
        "tx_bytes": 168_584_479, "rx_bytes": 31084, "queue": 22710,
    }  # fmt: skip
    windows = {name: found[name] for name in ("int_latency_p99", "outbuf_p99", "rtt_p99", "rtt_avg", "throttle_avg")}
    assert windows == pytest.approx(
        {"int_latency_p99": 0.015, "outbuf_p99": 0.0004, "rtt_p99": 0.008, "rtt_avg": 0.0026, "throttle_avg": 0.25}
    )
    assert found["partitions"] == {}


def test_a_window_without_a_value_is_null_and_not_zero() -> None:
    """An idle client has no round trip time."""
    raw = copy.deepcopy(RAW)
    for one in raw["brokers"].values():
        one["rtt"] = dict(EMPTY)
    assert flatten(raw, "orders")["rtt_p99"] is None


def test_sums_and_counts_are_of_all_brokers_since_the_last_emission() -> None:
    """So that means of any stretch are exact: sums over sums. Nothing of a bootstrap connection."""
    found = flatten(RAW, "orders")
    sums = {name: found[name] for name in ("int_latency_sum", "outbuf_sum", "rtt_sum", "throttle_sum")}
    assert sums == pytest.approx({"int_latency_sum": 0.068, "outbuf_sum": 0.002, "rtt_sum": 0.156, "throttle_sum": 10})
    assert (found["int_latency_count"], found["rtt_count"], found["connections"]) == (80, 80, 2)
    assert found["clock"] == pytest.approx(5_016_483.227792)


@pytest.mark.parametrize(
    ("dropped", "shown"), [(40, 0.3), (2, 0.3), (0, 0.0)], ids=["all beyond its range", "some", "none"]
)
def test_a_p99_from_which_the_histogram_dropped_values_is_their_maximum(dropped: int, shown: float) -> None:
    """librdkafka's histogram begins at 100 ms in the queue: of a steady 300 ms it says that 99 % took none."""
    raw = copy.deepcopy(RAW)
    for one in raw["brokers"].values():
        one["int_latency"] = {**window(300_000, 0), "max": 300_000, "outofrange": dropped}
    assert flatten(raw, "orders")["int_latency_p99"] == pytest.approx(shown)


def test_a_consumer_has_the_lag_of_its_partitions() -> None:
    """By partition, without librdkafka's own unassigned one; fetches are its requests."""
    raw = copy.deepcopy(RAW) | {"type": "consumer"}
    raw["topics"]["orders"]["partitions"]["0"]["consumer_lag"] = 42
    raw["brokers"]["b1:9092/1"]["req"] = {"Fetch": 30}
    found = flatten(raw, "orders")
    assert (found["partitions"], found["requests"]) == ({0: 42}, 230)


def test_a_client_that_knows_nothing_yet_has_zero_counts_and_no_windows() -> None:
    """The first emission may hold neither brokers nor topics."""
    found = flatten({"name": "x", "type": "producer"}, "orders")
    assert (found["batches"], found["requests"], found["rtt_p99"]) == (0, 0, None)


def test_the_broker_that_owed_most_answers_counts_by_its_round_trips_or_by_what_waits() -> None:
    """A second's round trips sum to 40 x 1.3 ms and 40 x 2.6 ms; a broker that answered nothing owes what waits."""
    assert flatten(RAW, "orders")["outstanding"] == pytest.approx(0.104)
    raw = copy.deepcopy(RAW)
    raw["brokers"]["b1:9092/1"] |= {"rtt": dict(EMPTY), "waitresp_cnt": 5}
    assert flatten(raw, "orders")["outstanding"] == 5
    assert flatten({"name": "x", "type": "producer"}, "orders")["outstanding"] == 0
