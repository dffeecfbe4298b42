"""librdkafka's mock cluster, in this process, behind the fast lane."""

from __future__ import annotations

import socket
from time import monotonic, monotonic_ns

import numpy as np
import pytest
from running import eventually

from loadkit import stamp
from loadkit.clusters import MockCluster, Names
from loadkit.errors import TargetFileError
from loadkit.payloads import constant
from loadkit.scenario import ProducerWorkload, Scenario, Topic
from loadkit.target import load_target
from loadkit.targets.fast import FastProducer
from loadkit.targets.fast_client import ALONE
from loadkit.targets.lane import Batch
from loadkit.targets.mock import Mock
from loadkit.targets.simspec import SimulatedSpec

FLOW = ProducerWorkload(name="Flow", topic=Topic("flow", partitions=5), payload=constant(size=100))


@pytest.mark.parametrize("lane", ["fast", "standard"])
def test_messages_are_confirmed_in_every_partition_of_a_topic(lane: str) -> None:
    """As many partitions as the scenario declares; each of the lanes reaches it over its port."""
    flow = FLOW.model_copy(update={"lane": lane})
    names = Names(7, "run", {"flow": "loadkit.run.flow"}, {})
    made = MockCluster(load_target("simulated?mock=1"), Scenario(name="mock", producers=(flow,)), names)
    producer = made.producer(flow, "binary", 1, False)
    assert made.lane(flow, "binary") == lane
    try:
        producer.connect(20)
        stamps = stamp.stamps(7, 1, 0, np.full(5, monotonic_ns(), np.int64))
        batch = Batch(flow.payload.build(1).values(np.arange(5), stamps), flow.key.build(1).blobs(np.arange(5)), stamps)
        producer.prime(batch, 5, 20)
        acks = producer.take_acks()
        assert acks is not None
        assert sorted(acks.partition.tolist()) == [0, 1, 2, 3, 4]
        assert producer.send(producer.prepare(batch), 0, 5) == 5
        until = monotonic() + 20
        while producer.in_flight() and monotonic() < until:
            producer.poll()
        again = producer.take_acks()
        assert again is not None
        assert sorted(again.stamps["seq"].tolist()) == [0, 1, 2, 3, 4]
    finally:
        producer.close()


def test_a_client_that_has_lost_every_broker_is_told_of_them_again() -> None:
    """librdkafka would ask nobody ever again; closing a consumer would wait for its group's coordinator for good."""
    mock = Mock({"flow": 1})
    lost = FastProducer({"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}, "flow", "binary")
    lost._servers = mock.bootstrap
    try:
        for _ in range(ALONE):
            lost._see({"brokers": {"GroupCoordinator": {"source": "logical", "state": "UP"}}})
        lost.connect(20)

        def found() -> bool:
            lost.poll()
            lost.take_statistics()
            return lost._alone == 0

        assert eventually(found, 20.0)
    finally:
        lost.close()
        mock.close()


def test_it_ends_when_it_is_closed_and_when_nobody_holds_it() -> None:
    """Its port refuses then."""
    for close in (Mock.close, lambda _: None):
        mock = Mock({"flow": 1})
        host, _, port = mock.bootstrap.partition(",")[0].rpartition(":")
        socket.create_connection((host, int(port)), 10).close()
        close(mock)
        del mock
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), 10)


def test_the_mock_is_in_real_time_and_not_the_sink() -> None:
    """What runs in virtual time is neither of the two."""
    assert [SimulatedSpec.parse(f"simulated{more}").virtual for more in ("", "?sink=1", "?mock=1")] == [
        True,
        False,
        False,
    ]
    with pytest.raises(TargetFileError, match="exclude each other"):
        SimulatedSpec.parse("simulated?sink=1&mock=1")
