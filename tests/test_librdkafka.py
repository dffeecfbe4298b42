"""librdkafka by ctypes: found, checked, and read only where it was asked to be."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import confluent_kafka as ck
import numpy as np
import pytest
from running import eventually

from loadkit import stamp
from loadkit.blobs import Blobs
from loadkit.errors import TargetError
from loadkit.targets import librdkafka
from loadkit.targets.fast import FastProducer
from loadkit.targets.fast_client import Held, stamps_of
from loadkit.targets.kafka import LOG
from loadkit.targets.lane import Batch
from loadkit.targets.librdkafka import MESSAGE, Unavailable, address, heads, library, structs


@pytest.fixture
def anew() -> Iterator[None]:
    """Have the library looked for anew, and found again afterwards."""
    library.cache_clear()
    yield
    library.cache_clear()


def test_the_library_is_the_one_that_confluent_kafka_uses() -> None:
    """Its version is the same, and codes have the names that confluent-kafka's errors have."""
    found = library()
    assert found.version() == librdkafka.ck.libversion()[1]
    for code in (librdkafka.QUEUE_FULL, librdkafka.PARTITION_EOF, 3):
        assert found.name(code) == librdkafka.ck.KafkaError(code).name()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ck.libversion", lambda: ("9.9.9", 0x090909FF), "9.9.9 is not a version"),
        ("_candidates", list, "was not found"),
        ("_candidates", lambda: ["/nowhere/librdkafka.so"], "was not found"),
        ("_same", lambda *_: False, "not laid out as expected"),
    ],
)
def test_doubt_is_a_reason_not_to_use_it(monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: str) -> None:
    """An unknown version, no library, or messages that look otherwise."""
    monkeypatch.setattr(f"loadkit.targets.librdkafka.{name}", value)
    with pytest.raises(Unavailable, match=why):
        library()


def test_a_shifted_layout_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sends and reads back: were a field elsewhere, it would see."""
    lib = library()
    formats = [MESSAGE.fields[name][0] for name in MESSAGE.names or ()]  # type: ignore[index]
    shifted = np.dtype({"names": list(MESSAGE.names or ()), "formats": formats, "itemsize": 72,
                        "offsets": [0, 8, 16, 24, 48, 40, 32, 56, 64]})  # fmt: skip
    monkeypatch.setattr(librdkafka, "MESSAGE", shifted)
    with pytest.raises(Unavailable, match="not laid out"):
        librdkafka._check_layout(lib)


def test_memory_is_copied_not_seen() -> None:
    """What was read stays when its place changes; places may overlap and repeat."""
    data = np.arange(200, dtype=np.uint8)
    places = address(data) + np.array([0, 1, 1, 100], np.uint64)
    got = heads(places, 3)
    data[:] = 0
    assert got.tolist() == [[0, 1, 2], [1, 2, 3], [1, 2, 3], [100, 101, 102]]


@pytest.mark.parametrize("place", [0, 8, 1 << 47, (1 << 64) - 8])
def test_an_address_outside_of_user_space_is_an_error_not_a_crash(place: int) -> None:
    """NULL and its neighbours, the kernel's half, and what wraps around."""
    with pytest.raises(IndexError):
        structs(np.array([place], np.uint64))


@pytest.mark.parametrize("form", ["binary", "json"])
def test_a_value_too_short_for_a_stamp_is_not_read(form: stamp.Form) -> None:
    """Its payload is not touched (this one lies at an address that nothing has), and it has no stamp."""
    rows = np.zeros(3, MESSAGE)
    rows["len"], rows["payload"] = [stamp.head_size(form) - 1, 0, 5], [1 << 46, 0, 1 << 46]
    found = stamps_of(rows, form)
    assert not found.valid.any()
    assert found.sizes.tolist() == [stamp.head_size(form) - 1, 0, 5]


def test_places_of_many_takes_keep_their_clocks() -> None:
    """Room grows as it must; every message has the clock of its own take."""
    rows = np.zeros(5, MESSAGE)
    rows["offset"] = np.arange(5)
    held = Held(2)
    for first, n, clock in ((0, 1, 10), (1, 3, 20), (4, 1, 30)):
        at = held.place(n)
        pointers = address(rows) + MESSAGE.itemsize * np.arange(first, first + n, dtype=np.uint64)
        held.pointers[held.count : held.count + n] = pointers
        assert at == address(held.pointers) + 8 * held.count
        held.took(n, clock)
    messages, clocks = held.messages()
    assert messages["offset"].tolist() == [0, 1, 2, 3, 4]
    assert clocks.tolist() == [10, 20, 20, 20, 30]
    held.clear()
    assert held.count == 0


def test_what_a_full_queue_leaves_is_sent_again_and_what_is_purged_failed() -> None:
    """A producer without brokers takes as many as its queue holds; all come back as failures with their due times."""
    producer = FastProducer({"queue.buffering.max.messages": "10", "log_level": "0"}, "nowhere", "binary")
    stamps = stamp.stamps(1, 2, 0, np.arange(100, 125))
    prepared = producer.prepare(Batch(Blobs.rows(stamp.as_bytes(stamps).copy()), None, stamps))
    assert producer.send(prepared, 0, 25) == 10
    assert producer.queue_full == 1
    assert producer.send(prepared, 10, 15) == 0
    assert producer.in_flight() == 10
    producer.lib.purge(producer._rk, librdkafka.PURGE_ALL)
    while producer.in_flight():
        producer.poll()
    assert producer.take_acks() is None
    failures = producer.take_failures()
    assert sorted(failure.intended_ns for failure in failures) == list(range(100, 110))
    assert {failure.code for failure in failures} == {"_PURGE_QUEUE"}
    assert producer.send(prepared, 10, 15) == 10, "their events are destroyed, so there is room again"
    producer.close()


def test_a_producer_hears_statistics_errors_and_log_lines() -> None:
    """They come as events between confirmations."""
    lines, unreachable = len(LOG.lines), {"bootstrap.servers": "127.0.0.1:1", "debug": "broker"}
    producer = FastProducer(unreachable, "nowhere", "binary")
    assert eventually(lambda: producer.poll() or bool(producer._statistics and producer._errors))
    assert {"role", "requests", "queue"} <= producer.take_statistics()[0].keys()
    assert producer._errors[0].name() in ("_TRANSPORT", "_ALL_BROKERS_DOWN")
    assert "127.0.0.1:1" in producer._errors[0].str()
    assert len(LOG.lines) > lines
    producer.close()


def test_a_producer_that_can_do_nothing_more_says_why() -> None:
    """Its messages fail of no more than that; the reason is asked for, before the run and in it."""
    producer = FastProducer({"enable.idempotence": "true", "log_level": "0"}, "ledger", "binary")
    lib, reason = producer.lib, "ledger: not authorised to write idempotently"
    stamps = stamp.stamps(1, 2, 0, np.arange(3))
    first = Batch(Blobs.rows(stamp.as_bytes(stamps).copy()), None, stamps)
    fatal = ctypes.CDLL(lib.path)["rd_kafka_test_fatal_error"]
    fatal.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    fatal(producer._rk, ck.KafkaError.CLUSTER_AUTHORIZATION_FAILED, b"no PID")
    with pytest.raises(TargetError, match=reason):
        producer.prime(first, 3, 5.0)
    with pytest.raises(TargetError, match=reason):
        eventually(producer.poll)
    producer.close()


def test_a_message_that_the_client_refuses_fails_alone() -> None:
    """The others of its batch are taken."""
    producer = FastProducer({"message.max.bytes": "1000", "log_level": "0"}, "nowhere", "binary")
    stamps = stamp.stamps(1, 2, 0, np.arange(3))
    sizes = [100, 2000, 100]
    values = Blobs.of([stamp.as_bytes(stamps)[i].tobytes().ljust(size, b"x") for i, size in enumerate(sizes)])
    assert producer.send(producer.prepare(Batch(values, None, stamps)), 0, 3) == 3
    assert producer.in_flight() == 2
    assert [(f.code, f.intended_ns) for f in producer.take_failures()] == [("MSG_SIZE_TOO_LARGE", 1)]
    producer.close()
