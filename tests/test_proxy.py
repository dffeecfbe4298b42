"""The proxy: what it does to what passes, when, and that its log is exact. Made-up brokers answer; no Kafka."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic_ns
from typing import Any
from uuid import UUID

import confluent_kafka as ck
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.proxy import record, wire
from trust.proxy.behaviour import Behaviour, Clock, Link, Way, repeated
from trust.proxy.record import Passed, Record
from trust.proxy.server import HOST, Proxy, frame_of, readdressed
from trust.proxy.wire import Head, Part, WireError

ROOT = Path(__file__).parent.parent
MS = 1_000_000
TOPIC = UUID(int=7)


# bytes as Kafka has them


def uvarint(number: int) -> bytes:
    """Return a number in groups of seven bits."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + uvarint(number >> 7)


def compact(data: bytes) -> bytes:
    """Return compact bytes."""
    return uvarint(len(data) + 1) + data


def named(version: int, name: str = "ticks") -> bytes:
    """Return a topic as a version names it."""
    return TOPIC.bytes if version >= wire.BY_ID else compact(name.encode())


def batch(first: int, count: int) -> bytes:
    """Return a record batch whose records are left out: nobody reads them."""
    body = struct.pack(">ibIhiqqqhii", 0, 2, 0, 0, count - 1, 0, 0, -1, -1, -1, count)
    return struct.pack(">qi", first, len(body)) + body


def produce(correlation: int, count: int, version: int = 10, acks: int = -1) -> bytes:
    """Return a produce request for partition 3."""
    head = struct.pack(">hhih", 0, version, correlation, 3) + b"abc\0"
    partition = struct.pack(">i", 3) + compact(batch(0, count)) + b"\0"
    return head + b"\0" + struct.pack(">hi", acks, 30_000) + b"\2" + named(version) + b"\2" + partition + b"\0\0"


def produced(correlation: int, base: int, version: int = 10, error: int = 0) -> bytes:
    """Return its response."""
    partition = struct.pack(">ihqqq", 3, error, base, -1, 0) + b"\1\0\0"
    return struct.pack(">i", correlation) + b"\0\2" + named(version) + b"\2" + partition + b"\0" + bytes(4) + b"\0"


def fetch(correlation: int, version: int = 16) -> bytes:
    """Return a fetch request, as far as the proxy reads it."""
    return struct.pack(">hhih", 1, version, correlation, 3) + b"abc\0rest"


def fetched(correlation: int, records: bytes, version: int = 16) -> bytes:
    """Return a fetch response."""
    partition = struct.pack(">ihqqq", 3, 0, 9, 9, 0) + b"\1" + struct.pack(">i", -1) + compact(records) + b"\0"
    head = struct.pack(">i", correlation) + b"\0" + struct.pack(">ihi", 0, 0, 5)
    return head + b"\2" + named(version) + b"\2" + partition + b"\0\0"


@pytest.mark.parametrize("version", [9, 10, 12, 13])
def test_the_records_of_a_produce_are_placed_by_its_response(version: int) -> None:
    """The request counts them, the response says from which offset on; from version 13 on topics are ids."""
    topic = TOPIC.hex if version >= 13 else "ticks"
    sent = wire.produced(produce(77, 5, version))
    assert sent == [Part(topic, 3, -1, 5)]
    assert wire.placed(produced(77, 40, version), version, sent) == [Part(topic, 3, 40, 5)]
    assert wire.placed(produced(77, -1, version, error=6), version, sent) == []


@pytest.mark.parametrize("version", [12, 13, 16, 18])
def test_whole_batches_of_a_fetch_are_read_and_a_torn_one_is_not(version: int) -> None:
    """A broker may cut the last batch where its limit of bytes ends."""
    topic = TOPIC.hex if version >= 13 else "ticks"
    frame = fetched(5, batch(10, 3) + batch(13, 1) + batch(14, 2)[:-1], version)
    assert wire.fetched(frame, version) == [Part(topic, 3, 10, 3), Part(topic, 3, 13, 1)]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: wire.check(Head(0, 8, 1)), "produce of version 8: versions 9 to 13"),
        (lambda: wire.check(Head(1, 19, 1)), "fetch of version 19"),
        (lambda: wire.produced(produce(1, 1, acks=0)), "acks=0"),
        (lambda: wire.produced(produce(1, 1)[:-3]), "bytes wanted"),
        (lambda: wire.fetched(fetched(1, b"") + b"x", 16), "1 bytes are left over"),
        (lambda: wire.batches(b"\0" * 70), "format 0"),
    ],
)
def test_what_cannot_be_read_is_refused(read: Callable[[], object], words: str) -> None:
    """A log that guesses is no truth."""
    with pytest.raises(WireError, match=words):
        read()


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(1024, 65535), st.integers(1024, 65535))
def test_the_broker_is_readdressed_and_nothing_else(before: bytes, after: bytes, broker: int, ours: int) -> None:
    """The frame keeps its length, and only the port behind the broker's address changes."""
    old, new = (HOST.encode() + struct.pack(">i", port) for port in (broker, ours))
    frame = readdressed(before + old + after, {broker: ours})
    assert len(frame) == len(before + old + after)
    if old not in before + after:
        assert frame == before + new + after
    assert readdressed(old, {broker + 1: 1}) == old


# when a frame may leave


def way(behaviour: Behaviour, *, held_back: bool = True, zero_ns: int | None = 0) -> Way:
    """Return one connection's way over a link of its own."""
    return Way(Link(behaviour, Clock(zero_ns)), held_back)


def test_a_delay_is_added_to_responses_only() -> None:
    """Frames that come 5 ms apart leave 5 ms apart: nothing queues."""
    behaviour = Behaviour(delay=0.02)
    responses, requests = way(behaviour), way(behaviour, held_back=False)
    assert [responses.leaves(at * MS, 100) for at in (0, 5)] == [20 * MS, 25 * MS]
    assert requests.leaves(3 * MS, 100) == 3 * MS


@given(st.lists(st.integers(0, 50), max_size=30))
def test_jitter_keeps_the_order_of_a_connection(gaps: list[int]) -> None:
    """No frame leaves before one that came before it, nor earlier than its delay, nor later than all jitter."""
    one, now, last = way(Behaviour(delay=0.01, jitter=0.03)), 0, 0
    for gap in gaps:
        now += gap * MS
        left = one.leaves(now, 10)
        assert max(last, now + 10 * MS) <= left <= max(last, now + 40 * MS)
        last = left


def test_the_connections_of_a_link_share_its_bandwidth() -> None:
    """At 1000 bytes a second 100 bytes take 100 ms, and others wait until they have passed."""
    link = Link(Behaviour(bandwidth=1000), Clock(0))
    one, other = Way(link, False), Way(link, False)
    assert [one.leaves(0, 100), other.leaves(0, 50), one.leaves(500 * MS, 10)] == [100 * MS, 150 * MS, 510 * MS]


def test_what_would_leave_in_a_stall_leaves_at_its_end() -> None:
    """From its first instant to before its last; and there is none before the first produce has come."""
    behaviour = Behaviour(delay=0.02, stalls=((1.0, 3.0),))
    zero = 10**9
    ends = [way(behaviour, zero_ns=zero).leaves(at * MS, 1) - zero for at in (1975, 1980, 2500, 3979, 3980)]
    assert ends == [995 * MS, 3000 * MS, 3000 * MS, 3000 * MS, 3000 * MS]
    assert way(behaviour, zero_ns=None).leaves(2500 * MS, 1) == 2520 * MS


def test_repeated_stalls_begin_at_regular_times_up_to_an_end() -> None:
    """The last one may last beyond it."""
    assert repeated(4, 1, 0.2, 6) == ((4, 4.2), (5, 5.2), (6, 6.2))
    assert repeated(4, 1, 0.2, 3) == ()


def test_a_behaviour_is_read_as_it_was_written() -> None:
    """The command line carries it as JSON."""
    one = Behaviour(delay=0.02, bandwidth=1e5, stalls=((1.0, 2.0),), resets=(3.0,), after=7)
    assert Behaviour.parse(str(one)) == one
    assert str(Behaviour()) == "{}"


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Produces, fetches, resets and the relation of the clocks."""
    passed = [Passed("produce", 1, 2, 3, (Part("ticks", 0, 5, 2),)), Passed("fetch", 3, 9, 9)]
    written = Record(passed, 1_000_000_000, 1_000_000_001, [4])
    record.write(tmp_path / "log", written)
    assert (read := record.read(tmp_path / "log")) == written
    assert (read.of("fetch"), read.epoch(500_000_000)) == (passed[1:], 1.5)


# the proxy in front of a made-up broker


class Client:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, frame: bytes) -> int:
        """Send a request; return when."""
        self.writer.write(struct.pack(">i", len(frame)) + frame)
        return monotonic_ns()

    async def answer(self) -> tuple[int, bytes]:
        """Return when a response was there, and the response."""
        frame = await asyncio.wait_for(frame_of(self.reader), 5)
        return monotonic_ns(), frame


async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each produce with offsets that are ten times its correlation id, each fetch with two records there."""
    try:
        while True:
            asked = wire.head(await frame_of(reader))
            number = asked.correlation
            answer = fetched(number, batch(10 * number, 2)) if asked.key else produced(number, 10 * number)
            writer.write(struct.pack(">i", len(answer)) + answer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@asynccontextmanager
async def opened(behaviour: Behaviour) -> AsyncIterator[tuple[Proxy, Callable[[], Awaitable[Client]]]]:
    """Yield a proxy before a made-up broker, and what connects to it."""
    server, proxy = await asyncio.start_server(broker, HOST, 0), Proxy(behaviour)
    (port,) = await proxy.listen([server.sockets[0].getsockname()[1]])

    async def connect() -> Client:
        return Client(*await asyncio.open_connection(HOST, port))

    try:
        yield proxy, connect
    finally:
        proxy.close()
        server.close()
        await asyncio.sleep(0.01)


def test_delays_are_held_in_order_and_the_log_is_what_the_client_saw() -> None:
    """Ten requests at once: each answer comes after its delay, none before an earlier one, logged before it was read."""

    async def story() -> None:
        async with opened(Behaviour(delay=0.03)) as (proxy, connect):
            client = await connect()
            sent = [client.send(fetch(n) if n % 2 else produce(n, n + 1)) for n in range(10)]
            got = [await client.answer() for _ in range(10)]
            log = proxy.record().passed
            assert [wire.correlation_of(frame) for _, frame in got] == list(range(10))
            assert [one.kind for one in log] == ["produce", "fetch"] * 5
            assert [one.parts[0].first for one in log] == [10 * n for n in range(10)]
            assert [one.parts[0].count for one in log] == [n + 1 if n % 2 == 0 else 2 for n in range(10)]
            for one, before, (after, _) in zip(log, sent, got, strict=True):
                assert before - MS < one.request_ns <= one.response_ns - 30 * MS
                assert one.response_ns <= min(one.returned_ns, after)

    asyncio.run(story())


def test_nothing_passes_in_a_stall() -> None:
    """The third record begins the schedule: what is sent in the stall is answered after its end."""

    async def story() -> None:
        async with opened(Behaviour(stalls=((0.05, 0.2),), after=2)) as (proxy, connect):
            client = await connect()
            client.send(produce(0, 2))
            await client.answer()
            assert proxy.clock.zero_ns is None
            client.send(produce(1, 1))
            await client.answer()
            zero = proxy.clock.zero_ns or 0
            await asyncio.sleep(0.08)
            client.send(produce(2, 1))
            after, _ = await client.answer()
            assert after >= zero + 200 * MS
            assert proxy.log[2].response_ns >= zero + 200 * MS

    asyncio.run(story())


def test_a_reset_ends_every_connection_and_what_was_under_way_is_in_no_log() -> None:
    """The client sees a reset, not an end; a new connection is served."""

    async def story() -> None:
        async with opened(Behaviour(delay=0.1, resets=(0.05,))) as (proxy, connect):
            client = await connect()
            client.send(produce(1, 1))
            with pytest.raises(ConnectionResetError):
                await client.answer()
            assert proxy.log == []
            assert len(proxy.resets) == 1
            again = await connect()
            again.send(produce(2, 1))
            await again.answer()
            assert [one.parts for one in proxy.log] == [(Part("ticks", 3, 20, 1),)]

    asyncio.run(story())


def test_a_protocol_it_cannot_read_is_told() -> None:
    """Whoever serves the proxy waits for that: its log is worth nothing then."""

    async def story() -> None:
        async with opened(Behaviour()) as (proxy, connect):
            client = await connect()
            client.send(produce(1, 1, version=8))
            assert proxy.failed
            with pytest.raises(WireError, match="version 8"):
                await asyncio.wait_for(proxy.failed, 5)

    asyncio.run(story())


def test_an_address_that_nobody_listens_on_is_refused_as_such() -> None:
    """A broker that is gone looks like one that is gone."""

    async def story() -> None:
        async with opened(Behaviour()) as (proxy, _):
            server = await asyncio.start_server(broker, HOST, 0)
            gone = server.sockets[0].getsockname()[1]
            server.close()
            await server.wait_closed()
            (port,) = await proxy.listen([gone])
            reader, _ = await asyncio.open_connection(HOST, port)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await frame_of(reader)

    asyncio.run(story())


# the command, between librdkafka's clients and its own mock broker


def test_a_clients_confirmations_and_messages_come_after_the_instants_in_the_record(tmp_path: Path) -> None:
    """Through a delay and a reset: each offset is in the record, asked for after its send, answered before it was heard.

    Not by how much before: that would say how busy the machine is. What was written and lost its answer in the reset is
    written twice, and so may be in the record alone: the mock broker does not keep producers' sequences.
    """
    host = ck.Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (node,) = host.list_topics(timeout=20).brokers.values()
    behaviour = Behaviour(delay=0.02, resets=(0.15,))
    command = [sys.executable, "-m", "trust.proxy", str(tmp_path / "log"), str(behaviour), str(node.port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acked, got = sent_and_read({"bootstrap.servers": f"{HOST}:{int(process.stdout.readline())}", "log_level": 0})
        process.communicate()
    assert process.returncode == 0
    seen = record.read(tmp_path / "log")
    assert len(seen.resets) == 1
    written, read = (by_offset(seen.of(kind)) for kind in ("produce", "fetch"))
    assert set(acked) <= set(written)
    assert set(got) <= set(read)
    for offset, (sent_ns, acked_ns) in acked.items():
        one = written[offset]
        assert sent_ns <= one.request_ns <= one.response_ns - 20 * MS
        assert one.response_ns <= acked_ns
    for offset, got_ns in got.items():
        assert read[offset].response_ns <= got_ns


def by_offset(passed: list[Passed]) -> dict[int, Passed]:
    """Return the last of those that passed with each offset."""
    return {part.first + at: one for one in passed for part in one.parts for at in range(part.count)}


def sent_and_read(bootstrap: dict[str, Any], count: int = 300) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Send messages to one partition, the others once the first is confirmed, and read all that is there.

    Return by offset the clocks of sending and confirming, and of reading.
    """
    producer = ck.Producer({**bootstrap, "enable.idempotence": True, "linger.ms": 5})
    consumer = ck.Consumer({**bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([ck.TopicPartition("ticks", 0, 0)])
    acked: dict[int, tuple[int, int]] = {}
    got: dict[int, int] = {}

    def send() -> None:
        now = monotonic_ns()

        def heard(error: Any, message: Any) -> None:
            assert error is None
            acked[message.offset()] = now, monotonic_ns()

        producer.produce("ticks", b"x" * 24, partition=0, on_delivery=heard)

    sent, until = 0, monotonic_ns() + 60_000 * MS
    while len(acked) < count or len(got) <= max(acked):
        assert monotonic_ns() < until
        if not sent or (acked and sent < count):
            send()
            sent += 1
        producer.poll(0)
        for message in consumer.consume(1000, 0.002):
            if message.error() is None:
                got[message.offset()] = monotonic_ns()
    consumer.close()
    return acked, got
