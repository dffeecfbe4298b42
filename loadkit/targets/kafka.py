"""The standard lane: confluent-kafka's producer behind the array boundary of `lane.py`, and what consumers share.

Subtleness ahead, all of it measured:
- `msg.latency()` and a callback's clock are taken when `poll()` serves them, so `acked` is as true as the
  polling is frequent; the loop polls every 0.1 ms while anything is in flight and records the gaps.
- The delivery callback only appends a clock reading, the value and the place to lists;
  stamps are read from whole lists afterwards. No closure a message, and no Message is kept: kept ones are
  tracked by the garbage collector and cold when they are read (1.4 us each).
- A delivery report carries the value but no headers, so header stamps cost one `partial` a message.
- `produce` is driven by `map` in C; on BufferError the iterator tells how many were taken.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from operator import length_hint
from time import monotonic
from typing import Any

import confluent_kafka as ck
import numpy as np
from numpy.typing import NDArray

from loadkit import clock, stamp
from loadkit.errors import TargetError
from loadkit.targets import statistics
from loadkit.targets.lane import Acks, Batch, Failure
from loadkit.targets.refusals import denies, explain
from loadkit.targets.tokens import signing

FLUSH = 30.0
"""Seconds to wait for a transaction's messages before it is aborted."""
TOLD = 2.0
"""Seconds to wait for the reason why a client can do nothing more."""
FATAL = "_FATAL"
"""What messages fail with once their client can do nothing more; the reason is told apart from them."""
UNHEARD = "UNKNOWN_TOPIC_OR_PART"
"""What a broker says that hears of a new topic after those that made it."""
HEADER = "loadkit"
"""The header that carries a stamp where the value cannot."""


class _Log:
    """Takes librdkafka's log lines without any lock: they come in the loop's native thread."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=1000)

    def log(self, level: int, text: str, *values: Any) -> None:
        """Keep one line."""
        self.lines.append(text % values if values else text)


LOG = _Log()
"""The last lines librdkafka logged in this process."""


def versions() -> dict[str, str]:
    """Return the versions of the client and of librdkafka."""
    return {"confluent_kafka": ck.__version__, "librdkafka": ck.libversion()[0]}


class Client:
    """What producers and consumers share: errors and statistics that callbacks bring."""

    gather_ns = 20_000_000

    def __init__(self, topic: str, statistics_interval_ms: int = 1000) -> None:
        self.topic = topic
        self._statistics: deque[str] = deque(maxlen=120)
        self._errors: deque[ck.KafkaError] = deque(maxlen=100)
        self._interval = statistics_interval_ms
        self._subjects: dict[str, str] = {}

    def _know(self, config: Mapping[str, str]) -> None:
        """Note the names that a refusal may be about instead of the topic."""
        self._subjects = {
            "GROUP_AUTHORIZATION_FAILED": config.get("group.id", self.topic),
            "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": config.get("transactional.id", self.topic),
        }

    def _config(self, config: Mapping[str, str]) -> dict[str, Any]:
        self._know(config)
        return {
            **signing(config),
            "statistics.interval.ms": self._interval,
            "stats_cb": self._statistics.append,
            "error_cb": self._errors.append,
            "logger": LOG,
        }

    def _refused(self, doing: str, timeout: float) -> TargetError:
        """Return the error that tells why something did not come about in time."""
        if self._errors:
            return self._told(self._errors[-1], doing)
        return explain("_TIMED_OUT", f"{timeout:.0f} s", doing, self.topic)

    def _raise_denied(self, doing: str) -> None:
        """Raise at once what waiting longer cannot mend."""
        for error in self._errors:
            if denies(error.name(), error.str()) or error.name().endswith("AUTHORIZATION_FAILED"):
                raise self._told(error, doing)

    def _told(self, error: Any, doing: str) -> TargetError:
        """Return the error for what the library or the cluster said."""
        name = error.name()
        return explain(name, error.str(), doing, self._subjects.get(name, self.topic))

    def _forgive(self, failures: deque[Failure], sent: int) -> None:
        """Forget that some of the first messages failed (they may be too large); TargetError if all of them did."""
        if len(failures) >= sent:
            code, doing = failures[0].code, f"producer of {self.topic}"
            if code == FATAL:
                self._raise_fatal(doing)
            raise explain(code, code, doing, self.topic)
        failures.clear()

    def _raise_fatal(self, doing: str) -> None:
        """Raise the reason why the client can do nothing more, where it is told."""

    def take_statistics(self) -> list[dict[str, Any]]:
        """Return the client's statistics since the last call, as flat numbers."""
        taken = []
        while self._statistics:
            told = json.loads(self._statistics.popleft())
            self._see(told)
            taken.append(statistics.flatten(told, self.topic))
        return taken

    def _see(self, told: Mapping[str, Any]) -> None:
        """Look at one emission of statistics before it is flattened."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    values: list[bytes | None]
    keys: list[bytes] | None
    batch: Batch


def _places(offsets: list[int | None]) -> NDArray[np.int64]:
    """Return offsets of confirmed messages; -1 where a broker knew one already (it was sent again) and told none."""
    try:
        return np.array(offsets, np.int64)
    except TypeError:
        return np.array([-1 if offset is None else offset for offset in offsets], np.int64)


class KafkaProducer(Client):
    """A producer of one topic; see `lane.ProducerLane`."""

    def __init__(
        self, config: Mapping[str, str], topic: str, form: str, headers: Mapping[str, str] | None = None,
        offsets: bool = True,
    ) -> None:  # fmt: skip
        """Take librdkafka's properties, the real topic name, where stamps go, static headers, and whether to
        keep offsets, which cost a twentieth of everything and are of use only where the topic is read as well.
        """
        super().__init__(topic)
        self.form = form
        self._static = [(name, text.encode()) for name, text in (headers or {}).items()]
        self._clocks: list[int] = []
        self._stamped: list[bytes] = []
        """Values, or the stamps of header form: whatever carries a stamp."""
        self._sizes: list[int] = []
        self._partitions: list[int] = []
        self._offsets: list[int | None] | None = [] if offsets else None
        self._failures: deque[Failure] = deque()
        self.queue_full = 0
        self._transactional = "transactional.id" in config
        try:
            self._producer = ck.Producer({**self._config(config), "on_delivery": self._callback()})
        except ck.KafkaException as error:
            raise TargetError(f"producer of {topic}: {error.args[0].str()}") from None
        self._produce = self._producer.produce
        self._poll = self._producer.poll

    def _callback(self) -> Callable[[Any, Any], None]:
        read, clocks, values, partitions = clock.now_ns, self._clocks, self._stamped, self._partitions
        offsets, failed = self._offsets, self._failed

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                clocks.append(read())
                values.append(message.value())
                partitions.append(message.partition())
            else:
                failed(error, message, None)

        if offsets is None:
            return delivered

        def delivered_somewhere(error: Any, message: Any) -> None:
            if error is None:
                clocks.append(read())
                values.append(message.value())
                partitions.append(message.partition())
                offsets.append(message.offset())
            else:
                failed(error, message, None)

        return delivered_somewhere

    def _delivered_named(self, name: bytes, error: Any, message: Any) -> None:
        """Serve the confirmation of a message whose stamp travels in a header."""
        if error is None:
            self._clocks.append(clock.now_ns())
            self._stamped.append(name)
            self._sizes.append(len(message))
            self._partitions.append(message.partition())
            if self._offsets is not None:
                self._offsets.append(message.offset())
        else:
            self._failed(error, message, name)

    def _failed(self, error: Any, message: Any, name: bytes | None) -> None:
        values = [name if name is not None else message.value()]
        found = stamp.read(values, "binary" if name is not None else self.form)  # type: ignore[arg-type]
        intended = int(found.stamps["intended"][0]) if found.valid[0] else 0
        self._failures.append(Failure(clock.now_ns(), error.name(), intended))

    def connect(self, timeout: float) -> None:
        """Reach the cluster and every partition's leader, and get a producer id; blocks."""
        doing = f"producer of {self.topic}"
        try:
            self._find_topic(doing, timeout)
            if self._transactional:
                self._producer.init_transactions(timeout)
        except ck.KafkaException as error:
            self._raise_denied(doing)
            raise self._told(error.args[0], doing) from None

    def _find_topic(self, doing: str, timeout: float) -> None:
        """Return when the cluster tells of the topic."""
        deadline = monotonic() + timeout
        while (error := self._producer.list_topics(self.topic, timeout=timeout).topics[self.topic].error) is not None:
            if error.name() != UNHEARD or monotonic() > deadline:
                raise self._told(error, doing)
            self._poll(0.1)

    def prime(self, first: Batch, partitions: int, timeout: float) -> None:
        """Send one message to each partition and wait for all: opens every connection and the producer id."""
        if self._transactional:
            self._producer.begin_transaction()
        prepared = self.prepare(first)
        for p in range(partitions):
            key = prepared.keys[p] if prepared.keys is not None else None
            try:
                self._produce(self.topic, prepared.values[p], key, p, **self._name(first, p))
            except ck.KafkaException as error:
                self._unsendable(error.args[0], p, first.stamps)
        try:
            self._await_all(timeout)
            self._forgive(self._failures, partitions)
            if self._transactional:
                self._producer.commit_transaction(timeout)
        except ck.KafkaException as error:  # a fatal one comes out of the poll itself
            raise self._told(error.args[0], f"producer of {self.topic}") from None

    def _await_all(self, timeout: float) -> None:
        deadline = monotonic() + timeout
        while len(self._producer) and monotonic() < deadline:
            self._poll(0.05)
            self._raise_denied(f"producer of {self.topic}")
        if len(self._producer):
            raise self._refused(f"producer of {self.topic}", timeout)

    def _raise_fatal(self, doing: str) -> None:
        """Poll for the reason, which may come after the messages that fail of it: the poll raises it."""
        deadline = monotonic() + TOLD
        while monotonic() < deadline:
            self._poll(0.05)

    def _name(self, batch: Batch, i: int) -> dict[str, Any]:
        if self.form != "header":
            return {"headers": self._static} if self._static else {}
        name = batch.stamps[i].tobytes()
        return {"headers": [*self._static, (HEADER, name)], "on_delivery": partial(self._delivered_named, name)}

    def prepare(self, batch: Batch) -> _Prepared:
        """Return the batch as lists of bytes, which is what the client takes."""
        values: list[bytes | None] = list(batch.values.tolist())
        if batch.nulls is not None:
            values = [None if absent else value for value, absent in zip(values, batch.nulls, strict=True)]
        return _Prepared(values, batch.keys.tolist() if batch.keys is not None else None, batch)

    def send(self, prepared: _Prepared, first: int, n: int) -> int:
        """Hand over n messages from `first` on; return how many were taken (fewer when the queue is full)."""
        values = iter(prepared.values[first : first + n])
        try:
            if self.form == "header" or self._static:
                self._send_named(prepared, first, values)
            elif prepared.keys is None:
                deque(map(self._produce, repeat(self.topic), values), maxlen=0)
            else:
                deque(map(self._produce, repeat(self.topic), values, prepared.keys[first : first + n]), maxlen=0)
        except BufferError:
            self.queue_full += 1
            return n - length_hint(values) - 1
        except ck.KafkaException as error:
            return self._unsendable(error.args[0], n - length_hint(values) - 1, prepared.batch.stamps[first:])
        return n

    def _send_named(self, prepared: _Prepared, first: int, values: Any) -> None:
        for i, value in enumerate(values, first):
            key = prepared.keys[i] if prepared.keys is not None else None
            self._produce(self.topic, value, key, **self._name(prepared.batch, i))

    def _unsendable(self, error: Any, at: int, stamps: stamp.Stamps) -> int:
        """Account for a message that the client itself refused (too large, fenced): it failed, the next goes on."""
        self._failures.append(Failure(clock.now_ns(), error.name(), int(stamps["intended"][at])))
        return at + 1

    def poll(self) -> None:
        """Serve confirmations that have arrived; never blocks."""
        try:
            self._poll(0)
        except ck.KafkaException as error:
            raise self._told(error.args[0], f"producer of {self.topic}") from None

    def in_flight(self) -> int:
        """Return how many messages (and events) wait in the client."""
        return len(self._producer)

    def pending(self) -> int:
        """Return how many served confirmations wait for `take_acks`."""
        return len(self._clocks)

    def take_acks(self) -> Acks | None:
        """Return the confirmations served since the last call."""
        offsets = self._offsets
        n = len(self._partitions if offsets is None else offsets)  # appended last: what it holds, all hold
        if not n:
            return None
        found = stamp.read(self._stamped[:n], "json" if self.form == "json" else "binary")
        acks = Acks(
            found.stamps,
            np.fromiter(self._clocks, np.int64, n),
            np.fromiter(self._partitions, np.int32, n),
            np.full(n, -1, np.int64) if offsets is None else _places(offsets[:n]),
            np.fromiter(self._sizes, np.int64, n) if self.form == "header" else found.sizes,
        )
        for column in (self._clocks, self._stamped, self._sizes, self._partitions, offsets or []):
            del column[:n]
        return acks

    def take_failures(self) -> list[Failure]:
        """Return the failures served since the last call."""
        return [self._failures.popleft() for _ in range(len(self._failures))]

    def begin(self) -> None:
        """Begin a transaction."""
        self._producer.begin_transaction()

    def end(self, commit: bool) -> None:
        """Commit or abort the open transaction; blocks."""
        try:
            if commit:
                self._producer.commit_transaction()
            else:
                self._producer.flush(
                    FLUSH
                )  # aborting before the broker knows of the transaction is fatal: librdkafka #4849
                self._producer.abort_transaction()
        except ck.KafkaException as error:
            raise TargetError(f"transaction on {self.topic}: {error.args[0].str()}") from None

    def close(self) -> None:
        """Give up what is still in flight."""
        if len(self._producer):
            with suppress(ck.KafkaException):  # a fenced or fatal client says so again
                self._producer.purge()
                self._poll(0)
