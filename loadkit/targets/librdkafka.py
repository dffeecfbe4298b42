"""librdkafka's own functions by ctypes: the library that confluent-kafka brings, called without its Python layer.

The fast lane needs three calls that confluent-kafka does not offer: `rd_kafka_produce_batch` fed from numpy arrays,
delivery reports as events that hold many messages, and `rd_kafka_consume_batch_queue`. All reading of the library's
memory is here: `Memory.structs` and `Memory.heads` copy from addresses into arrays, and nothing else follows a pointer.
An address is good from the call that gave it until the event or message is destroyed; lanes copy first and destroy
afterwards. `library()` refuses (`Unavailable`) what it does not know: another version, another layout.

A function that returns at once is called with the interpreter lock held (`PyDLL`): to take it again beside a thread
that folds costs a switch interval and more, several of which in one round of the loop made messages milliseconds late.
One that works for long or waits lets go (`CDLL`). What does either, as the number of messages is, is there both ways.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import confluent_kafka as ck
import numpy as np
from numpy.typing import NDArray

OLDEST, BEFORE = 0x02000000, 0x03000000
"""Versions of librdkafka with this layout (rdkafka.h, stable since 0.9.1), as `rd_kafka_version` counts them."""
NO_ERROR, QUEUE_FULL, PARTITION_EOF, ASSIGN_PARTITIONS = 0, -184, -191, -175
ANY_PARTITION: Final = -1
FEW: Final = 64
"""Messages that take less time than letting go of the interpreter lock may cost."""
COPY, BY_PARTITION = 0x2, 0x8
"""Flags of `produce_batch`: copy payloads; take the partition of each message."""
EVENT_DR: Final = 0x1
EVENT_LOG, EVENT_ERROR, EVENT_STATS = 0x4, 0x8, 0x40
PURGE_ALL: Final = 0x1 | 0x2
PRODUCER, CONSUMER = 0, 1
_SYSTEM = ("librdkafka.so.1", "librdkafka.1.dylib")
"""What the loader looks for itself; `ctypes.util.find_library` starts processes, which gevent forbids in a thread."""

MESSAGE: Final = np.dtype(
    {
        "names": ["err", "rkt", "partition", "payload", "len", "key", "key_len", "offset", "private"],
        "formats": ["<i4", "<u8", "<i4", "<u8", "<u8", "<u8", "<u8", "<i8", "<u8"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 64],
        "itemsize": 72,
    }
)
"""rd_kafka_message_t on machines of 64 bits, little end first."""

Pointers = NDArray[np.uint64]


class TopicPartition(ctypes.Structure):
    """rd_kafka_topic_partition_t."""

    _fields_ = (
        ("topic", c_char_p), ("partition", c_int32), ("offset", c_int64), ("metadata", c_void_p),
        ("metadata_size", c_size_t), ("opaque", c_void_p), ("err", c_int), ("private", c_void_p),
    )  # fmt: skip


class TopicPartitions(ctypes.Structure):
    """rd_kafka_topic_partition_list_t."""

    _fields_ = (("cnt", c_int), ("size", c_int), ("elems", POINTER(TopicPartition)))


class MetadataTopic(ctypes.Structure):
    """struct rd_kafka_metadata_topic."""

    _fields_ = (("topic", c_char_p), ("partition_cnt", c_int), ("partitions", c_void_p), ("err", c_int))


class Metadata(ctypes.Structure):
    """The beginning of struct rd_kafka_metadata."""

    _fields_ = (
        ("broker_cnt", c_int), ("brokers", c_void_p), ("topic_cnt", c_int), ("topics", POINTER(MetadataTopic)),
    )  # fmt: skip


STATS_CB = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p)
ERROR_CB = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
LOG_CB = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_char_p)
REBALANCE_CB = CFUNCTYPE(None, c_void_p, c_int, POINTER(TopicPartitions), c_void_p)
COMMIT_CB = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)

_AT_ONCE: dict[str, tuple[Any, list[Any]]] = {
    "version": (c_int, []),
    "err2name": (c_char_p, [c_int]),
    "err2str": (c_char_p, [c_int]),
    "error_name": (c_char_p, [c_void_p]),
    "error_string": (c_char_p, [c_void_p]),
    "error_destroy": (None, [c_void_p]),
    "fatal_error": (c_int, [c_void_p, c_char_p, c_size_t]),
    "conf_new": (c_void_p, []),
    "conf_destroy": (None, [c_void_p]),
    "conf_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
    "conf_set_events": (None, [c_void_p, c_int]),
    "conf_set_stats_cb": (None, [c_void_p, STATS_CB]),
    "conf_set_error_cb": (None, [c_void_p, ERROR_CB]),
    "conf_set_log_cb": (None, [c_void_p, LOG_CB]),
    "conf_set_rebalance_cb": (None, [c_void_p, REBALANCE_CB]),
    "conf_set_offset_commit_cb": (None, [c_void_p, COMMIT_CB]),
    "set_log_queue": (c_int, [c_void_p, c_void_p]),
    "topic_new": (c_void_p, [c_void_p, c_char_p, c_void_p]),
    "topic_destroy": (None, [c_void_p]),
    "queue_get_main": (c_void_p, [c_void_p]),
    "queue_get_consumer": (c_void_p, [c_void_p]),
    "queue_destroy": (None, [c_void_p]),
    "event_type": (c_int, [c_void_p]),
    "event_message_count": (c_size_t, [c_void_p]),
    "event_message_array": (c_size_t, [c_void_p, c_void_p, c_size_t]),
    "event_destroy": (None, [c_void_p]),
    "event_stats": (c_char_p, [c_void_p]),
    "event_error": (c_int, [c_void_p]),
    "event_error_string": (c_char_p, [c_void_p]),
    "event_error_is_fatal": (c_int, [c_void_p]),
    "event_log": (c_int, [c_void_p, POINTER(c_char_p), POINTER(c_char_p), POINTER(c_int)]),
    "message_destroy": (None, [c_void_p]),
    "metadata_destroy": (None, [POINTER(Metadata)]),
    "topic_partition_list_new": (POINTER(TopicPartitions), [c_int]),
    "topic_partition_list_add": (c_void_p, [POINTER(TopicPartitions), c_char_p, c_int32]),
    "topic_partition_list_destroy": (None, [POINTER(TopicPartitions)]),
    "poll_set_consumer": (c_int, [c_void_p]),
    "subscribe": (c_int, [c_void_p, POINTER(TopicPartitions)]),
    "assign": (c_int, [c_void_p, POINTER(TopicPartitions)]),
    "incremental_assign": (c_void_p, [c_void_p, POINTER(TopicPartitions)]),
    "incremental_unassign": (c_void_p, [c_void_p, POINTER(TopicPartitions)]),
    "assignment": (c_int, [c_void_p, POINTER(POINTER(TopicPartitions))]),
    "rebalance_protocol": (c_char_p, [c_void_p]),
    "pause_partitions": (c_int, [c_void_p, POINTER(TopicPartitions)]),
    "resume_partitions": (c_int, [c_void_p, POINTER(TopicPartitions)]),
    "begin_transaction": (c_void_p, [c_void_p]),
    "mock_cluster_bootstraps": (c_char_p, [c_void_p]),
    "mock_topic_create": (c_int, [c_void_p, c_char_p, c_int, c_int]),
}
"""Functions that return at once: (result, arguments) by name without `rd_kafka_`."""
_AT_LENGTH: dict[str, tuple[Any, list[Any]]] = {
    "new": (c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
    "destroy": (None, [c_void_p]),
    "produce_batch": (c_int, [c_void_p, c_int32, c_int, c_void_p, c_int]),
    "consume_batch_queue": (c_ssize_t, [c_void_p, c_int, c_void_p, c_size_t]),
    "brokers_add": (c_int, [c_void_p, c_char_p]),
    "metadata": (c_int, [c_void_p, c_int, c_void_p, POINTER(POINTER(Metadata)), c_int]),
    "query_watermark_offsets": (c_int, [c_void_p, c_char_p, c_int32, POINTER(c_int64), POINTER(c_int64), c_int]),
    "mock_cluster_new": (c_void_p, [c_void_p, c_int]),
    "mock_cluster_destroy": (None, [c_void_p]),
    "purge": (c_int, [c_void_p, c_int]),
    "commit": (c_int, [c_void_p, c_void_p, c_int]),
    "consumer_close": (c_int, [c_void_p]),
    "init_transactions": (c_void_p, [c_void_p, c_int]),
    "commit_transaction": (c_void_p, [c_void_p, c_int]),
    "abort_transaction": (c_void_p, [c_void_p, c_int]),
}
"""Functions that wait or work for long."""


class Unavailable(Exception):
    """Why the library cannot be called this way here."""


class Library:
    """The functions, by their names without `rd_kafka_`.

    `queue_poll`, `produce_few` and `consume_few` hold the interpreter lock; `queue_wait` lets go of it as
    `produce_batch` and `consume_batch_queue` do.
    """

    def __init__(self, path: str) -> None:
        """Load the library at a path; it is the one confluent-kafka has loaded already. Raises Unavailable."""
        self.path = path
        held, free = ctypes.PyDLL(path), ctypes.CDLL(path)
        try:
            for source, table in ((held, _AT_ONCE), (free, _AT_LENGTH)):
                for name, (result, arguments) in table.items():
                    setattr(self, name, _typed(source, f"rd_kafka_{name}", result, arguments))
            self.queue_poll = _typed(held, "rd_kafka_queue_poll", c_void_p, [c_void_p, c_int])
            self.queue_wait = _typed(free, "rd_kafka_queue_poll", c_void_p, [c_void_p, c_int])
            self.produce_few = _typed(held, "rd_kafka_produce_batch", *_AT_LENGTH["produce_batch"])
            self.consume_few = _typed(held, "rd_kafka_consume_batch_queue", *_AT_LENGTH["consume_batch_queue"])
        except AttributeError as error:
            raise Unavailable(f"{path} lacks a function: {error}") from None

    if TYPE_CHECKING:  # functions are set by name

        def __getattr__(self, name: str) -> Any: ...

    def name(self, code: int) -> str:
        """Return the name of an error code, as confluent-kafka's errors have it: `_TIMED_OUT`."""
        return str(self.err2name(code).decode())

    def text(self, code: int) -> str:
        """Return what the library says of an error code."""
        return str(self.err2str(code).decode())

    def fatal(self, rk: int) -> tuple[str, str]:
        """Return (name, text) of the error after which a client can do nothing more; `NO_ERROR` if there is none."""
        said = ctypes.create_string_buffer(512)
        name = self.name(self.fatal_error(rk, said, len(said)))
        return name, said.value.decode(errors="replace")

    def taken(self, error: int | None) -> tuple[str, str] | None:
        """Return (name, text) of an `rd_kafka_error_t` and free it; None for none."""
        if not error:
            return None
        found = self.error_name(error).decode(), self.error_string(error).decode()
        self.error_destroy(error)
        return found


def _typed(source: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    function = source[name]  # by index: a fresh object, so that one library's types do not change another's
    function.restype, function.argtypes = result, arguments
    return function


class Memory:
    """Copies out of this process's memory, many places at once."""

    _BASE: Final = 1 << 16
    """The lowest address that can be read; none below it is ever mapped."""
    _END: Final = 1 << 47
    """The end of user space."""

    def __init__(self, size: int) -> None:
        """See the memory as overlapping cells of `size` bytes, one at each address."""
        self._highest = self._END - size

        class Whole:
            __array_interface__ = {  # noqa: RUF012 - numpy reads it from the class
                "shape": (self._highest + 1 - self._BASE,), "typestr": f"|V{size}", "data": (self._BASE, True),
                "strides": (1,), "version": 3,
            }  # fmt: skip

        self._cells = np.asarray(Whole())

    def copied(self, addresses: Pointers) -> NDArray[np.void]:
        """Return the bytes at each address; IndexError for an address outside of user space, before it is read."""
        low, high = int(addresses.min(initial=self._END)), int(addresses.max(initial=0))
        if low < self._BASE or high > self._highest:  # numpy itself would count a negative index from the end
            raise IndexError(f"{low:#x} to {high:#x}: not all of it can be read")
        return self._cells[(addresses - np.uint64(self._BASE)).astype(np.int64)]


_STRUCTS = Memory(MESSAGE.itemsize)
_memory = cache(Memory)


def structs(pointers: Pointers) -> NDArray[np.void]:
    """Return the message structs at some addresses, as `MESSAGE`."""
    return _STRUCTS.copied(pointers).view(MESSAGE)


def heads(payloads: Pointers, size: int) -> NDArray[np.uint8]:
    """Return the first `size` bytes of payloads, each of which has as many, as n x size."""
    return _memory(size).copied(payloads).view(np.uint8).reshape(len(payloads), size)


def address(array: NDArray[Any]) -> int:
    """Return where an array's data begins; the caller keeps the array."""
    return int(array.__array_interface__["data"][0])


@cache
def library() -> Library:
    """Return the library that confluent-kafka uses, checked; Unavailable says why it cannot be had."""
    if ctypes.sizeof(c_void_p) != 8 or np.dtype(np.int32) != np.dtype("<i4"):
        raise Unavailable("this machine is not one of 64 bits with the little end first")
    wanted = ck.libversion()[1]
    if not OLDEST <= wanted < BEFORE:
        raise Unavailable(f"librdkafka {ck.libversion()[0]} is not a version whose layout is known")
    for path in _candidates():
        try:
            found = Library(path)
        except (OSError, Unavailable):
            continue
        if found.version() == wanted:
            _check_layout(found)
            return found
    raise Unavailable(f"the librdkafka {ck.libversion()[0]} that confluent-kafka uses was not found as a library")


def _candidates() -> list[str]:
    """Return where the library may lie: mapped already (Linux), beside the wheel (Linux, macOS), the system's."""
    maps, package = Path("/proc/self/maps"), Path(ck.__file__).parent
    mapped = maps.read_text().splitlines() if maps.exists() else []
    found = [line.split(maxsplit=5)[5] for line in mapped if "/" in line and "librdkafka" in line]
    for place in (package.parent / "confluent_kafka.libs", package / ".dylibs", package):
        found += [str(path) for path in sorted(place.glob("librdkafka*"))] if place.is_dir() else []
    return list(dict.fromkeys([*found, *_SYSTEM]))


def _check_layout(lib: Library) -> None:
    """Hand two messages to a producer without brokers, purge them, and compare what its event says of them."""
    conf, said = lib.conf_new(), ctypes.create_string_buffer(512)
    lib.conf_set(conf, b"log_level", b"0", said, len(said))  # it would warn that there are no brokers
    lib.conf_set_events(conf, EVENT_DR)
    rk = lib.new(PRODUCER, conf, said, len(said))
    if not rk:
        raise Unavailable(f"a producer for the check of the layout was refused: {said.value.decode()}")
    rkt, queue = lib.topic_new(rk, b"layout", None), lib.queue_get_main(rk)
    payload, key = np.frombuffer(b"payload-0payload-1", np.uint8), np.frombuffer(b"key", np.uint8)
    rows = np.zeros(2, MESSAGE)
    rows["payload"], rows["len"] = address(payload) + np.array([0, 9], np.uint64), 9
    rows["key"], rows["key_len"], rows["private"] = address(key), 3, [1 << 40, 7]
    good = lib.produce_batch(rkt, ANY_PARTITION, COPY, address(rows), 2)
    lib.purge(rk, PURGE_ALL)
    event = lib.queue_wait(queue, 5000) if good else None
    fits = bool(good == 2 and event and lib.event_type(event) == EVENT_DR) and _same(lib, event, rows)
    if event:
        lib.event_destroy(event)
    lib.queue_destroy(queue)
    lib.topic_destroy(rkt)
    lib.destroy(rk)
    if not fits:
        raise Unavailable("librdkafka's messages are not laid out as expected")


def _same(lib: Library, event: int | None, rows: NDArray[np.void]) -> bool:
    pointers = np.zeros(2, np.uint64)
    if lib.event_message_count(event) != 2 or lib.event_message_array(event, address(pointers), 2) != 2:
        return False
    got = structs(pointers)
    alike = all((got[name] == rows[name]).all() for name in ("len", "key_len", "private"))
    purged = {lib.name(int(code)) for code in got["err"]} == {"_PURGE_QUEUE"}
    return alike and purged and [bytes(row) for row in heads(got["payload"], 9)] == [b"payload-0", b"payload-1"]
