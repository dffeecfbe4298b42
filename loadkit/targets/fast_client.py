"""What the fast lane's producers and consumers share: a client of librdkafka made without confluent-kafka's layer.

Statistics, errors and log lines come while the client is polled, in the poller's thread: a consumer's by callbacks, a
producer's, whose queue is polled for events, as events. Either only appends to deques.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadkit import stamp
from loadkit.errors import TargetError
from loadkit.targets import librdkafka, statistics
from loadkit.targets.kafka import LOG, Client

ALONE = 10
"""Emissions of statistics without any broker after which a client is told of its bootstrap servers again."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of the library, with the methods that confluent-kafka's errors have."""

    code_name: str
    text: str

    def name(self) -> str:
        """Return the name of its code."""
        return self.code_name

    def str(self) -> str:
        """Return the library's words."""
        return self.text


class FastClient(Client):
    """A client handle and its callbacks."""

    gather_ns = 8_000_000

    def __init__(self, kind: int, role: str, config: Mapping[str, str], topic: str) -> None:
        """Make the client; `role` names it in messages. Raises TargetError for what the library refuses."""
        super().__init__(topic)
        self._know(config)
        self.lib = librdkafka.library()
        self._doing = f"{role} of {topic}"
        self._dead = False
        """Whether it can do nothing more."""
        self._servers = config.get("bootstrap.servers", "")
        self._alone = 0
        """How many emissions of statistics in a row told of no broker."""
        lib = self.lib
        self._callbacks = (
            librdkafka.STATS_CB(self._on_statistics), librdkafka.ERROR_CB(self._on_error),
            librdkafka.LOG_CB(lambda _, level, facility, text: LOG.log(level, "%s: %s", facility, text)),
        )  # fmt: skip
        conf = lib.conf_new()
        lib.conf_set_stats_cb(conf, self._callbacks[0])
        lib.conf_set_error_cb(conf, self._callbacks[1])
        lib.conf_set_log_cb(conf, self._callbacks[2])
        own = {"statistics.interval.ms": str(self._interval), "log.queue": "true", "client.software.name": "loadkit"}
        self._set(conf, {**config, **own})
        self._prepare(conf)
        said = ctypes.create_string_buffer(512)
        self._rk = lib.new(kind, conf, said, len(said))
        if not self._rk:
            lib.conf_destroy(conf)
            raise TargetError(f"{self._doing}: {said.value.decode(errors='replace')}")
        lib.set_log_queue(self._rk, None)

    def _set(self, conf: int, config: Mapping[str, str]) -> None:
        said = ctypes.create_string_buffer(512)
        for name, value in config.items():
            if self.lib.conf_set(conf, name.encode(), str(value).encode(), said, len(said)):
                self.lib.conf_destroy(conf)
                raise TargetError(f"{self._doing}: {said.value.decode(errors='replace')}")

    def _prepare(self, conf: int) -> None:
        """Set what a producer or a consumer needs besides."""

    def _on_statistics(self, _: int, text: int, size: int, __: int) -> int:
        self._statistics.append(ctypes.string_at(text, size).decode())
        return 0  # the library frees the text

    def _on_error(self, _: int, code: int, text: bytes | None, __: int) -> None:
        self._errors.append(Problem(self.lib.name(code), (text or b"").decode(errors="replace")))

    def _see(self, told: Mapping[str, Any]) -> None:
        self._alone = 0 if statistics.reaches(told) else self._alone + 1
        if self._alone and self._alone % ALONE == 0:
            self._find_again()

    def _find_again(self) -> None:
        """Have the library know its bootstrap servers again.

        It forgets every broker that a metadata response leaves out. A cluster of one that has just been started, or was
        too busy to tell its controller that it lives, names none: then no broker is left to ask, and nothing but this
        finds it again (librdkafka 2.16, rd_kafka_metadata_decommission_unavailable_brokers).
        """
        self.lib.brokers_add(self._rk, self._servers.encode())

    def _raise_fatal(self, doing: str) -> None:
        raise self._told(Problem(*self.lib.fatal(self._rk)), doing)

    def _hear(self, event: int) -> None:
        """Take statistics, an error or a log line from an event."""
        lib, kind = self.lib, self.lib.event_type(event)
        if kind == librdkafka.EVENT_STATS:
            self._statistics.append(lib.event_stats(event).decode())
        elif kind == librdkafka.EVENT_ERROR:
            self._on_error(0, lib.event_error(event), lib.event_error_string(event), 0)
            self._dead = self._dead or bool(lib.event_error_is_fatal(event))
        elif kind == librdkafka.EVENT_LOG:
            facility, text, level = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_int()
            lib.event_log(event, ctypes.byref(facility), ctypes.byref(text), ctypes.byref(level))
            LOG.log(level.value, "%s: %s", facility.value, text.value)

    def _check(self, code: int) -> None:
        """Raise TargetError for an error code."""
        if code != librdkafka.NO_ERROR:
            self._raise_denied(self._doing)
            raise self._told(Problem(self.lib.name(code), self.lib.text(code)), self._doing)

    def _check_error(self, error: int | None) -> None:
        """Raise TargetError for an `rd_kafka_error_t`, which is freed."""
        found = self.lib.taken(error)
        if found:
            self._raise_denied(self._doing)
            raise self._told(Problem(*found), self._doing)


class Held:
    """Addresses of messages that the library still keeps for us, with the clock of each take."""

    def __init__(self, room: int) -> None:
        self.pointers: NDArray[np.uint64] = np.zeros(room, np.uint64)
        self._at, self._room = librdkafka.address(self.pointers), room
        self.count = 0
        self._clocks: list[int] = []
        self._counts: list[int] = []

    def place(self, more: int) -> int:
        """Return the address where the next `more` pointers may be written; room is made if there is too little."""
        if self.count + more > self._room:
            self.pointers = np.concatenate([self.pointers, np.zeros(max(more, self._room), np.uint64)])
            self._at, self._room = librdkafka.address(self.pointers), len(self.pointers)
        return self._at + 8 * self.count

    def took(self, n: int, clock_ns: int) -> None:
        """Count pointers that were written, at one reading of the clock."""
        self.count += n
        self._counts.append(n)
        self._clocks.append(clock_ns)

    def messages(self) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return the structs of all messages and the clock of each."""
        return librdkafka.structs(self.pointers[: self.count]), np.repeat(self._clocks, self._counts)

    def clear(self) -> None:
        """Forget them: the library has been told that they are done with."""
        self.count = 0
        self._clocks, self._counts = [], []


def stamps_of(rows: NDArray[np.void], form: stamp.Form) -> stamp.Read:
    """Return the stamps of messages by their structs; only payloads that are long enough are read."""
    size, sizes = stamp.head_size(form), rows["len"].astype(np.int64)
    long_enough = (sizes >= size) & (rows["payload"] != 0)
    if long_enough.all():
        return stamp.of_heads(librdkafka.heads(rows["payload"], size), sizes, form)
    heads = np.zeros((len(rows), size), np.uint8)
    heads[long_enough] = librdkafka.heads(rows["payload"][long_enough], size)
    return stamp.of_heads(heads, sizes, form)
