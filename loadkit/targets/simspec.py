"""What can be said of a simulated cluster, in a target name.

`simulated[?param=value&...]`, for example `simulated?service_rate=50k/s&pause=10s:2s&seed=3`. `none` lifts a limit.

| parameter          | default       | meaning |
|--------------------|---------------|---------|
| `service_rate`     | 200k/s        | messages a second that one server stores |
| `byte_rate`        | 200MB/s       | bytes a second that one server stores; the slower of the two counts |
| `request_overhead` | 50us          | what a request costs a server whatever its size; it is what makes batching pay |
| `servers`          | 1             | request handlers that work side by side on one FIFO queue |
| `service`          | deterministic | or `exponential`: the service time times an exponential variable of mean 1 |
| `noise`            | 0             | sigma of a lognormal factor (mean 1) on every service time |
| `replication`      | 1ms           | from stored to the ack of acks=all and to being visible to consumers |
| `slow`             |               | `PARTITION:TIME,...`, e.g. `0:5ms`: so much more replication of that partition |
| `network`          | 0.2ms         | one way, for each of: request, ack, delivery |
| `pause`            |               | `AT:LENGTH,...`, e.g. `10s:2s`: no server works; 0 is the schedule's start |
| `errors`           | 0             | share of messages acked with error 19 (not enough replicas), not stored |
| `lose`             | 0             | share of messages acked, given an offset, and never delivered |
| `duplicate`        | 0             | share of messages stored twice, at two offsets in a row |
| `fetch`            | 0.5ms         | from visible to received, besides the network |
| `generator_rate`   | none          | messages a second the generator hands over; when too few, `sent` slips |
| `queue_limit`      | none          | messages in a producer's buffer; when full the sender waits, `sent` slips |
| `seed`             | 0             | of everything random |
| `sink`             | 0             | 1: the simulated sink in real time; read here, built elsewhere |
| `mock`             | 0             | 1: librdkafka's mock cluster in each load process, in real time; likewise |

Which messages fail is no chance: `fates` says it from a message's number; a share of 1 % is one in each hundred.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from loadkit.errors import TargetFileError, nearest
from loadkit.targets.queueing import Ints
from loadkit.units import parse_byte_rate, parse_duration, parse_rate

STORED, FAILED, LOST, DUPLICATED = range(4)
"""What `fates` says of a message."""


@dataclass(frozen=True, slots=True)
class SimulatedSpec:
    """The parameters of the module's table, in seconds, bytes/s and messages/s; `inf` or None is no limit."""

    service_rate: float = 200_000.0
    byte_rate: float = 200e6
    request_overhead: float = 50e-6
    servers: int = 1
    service: Literal["deterministic", "exponential"] = "deterministic"
    noise: float = 0.0
    replication: float = 1e-3
    slow: tuple[tuple[int, float], ...] = ()
    network: float = 0.2e-3
    pause: tuple[tuple[float, float], ...] = ()
    errors: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    fetch: float = 0.5e-3
    generator_rate: float = math.inf
    queue_limit: int | None = None
    seed: int = 0
    sink: bool = False
    mock: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for values that make no model."""
        if not (min(self.service_rate, self.byte_rate, self.generator_rate) > 0 and self.servers >= 1):
            raise ValueError("rates must be above 0, servers 1 or more")
        shares = (self.errors, self.lose, self.duplicate)
        if not (all(0 <= share <= 1 for share in shares) and sum(shares) <= 1 + 1e-9):
            raise ValueError("errors, lose and duplicate are shares from 0 to 1, together at most 1")
        if not all(0 <= x < math.inf for x in (self.request_overhead, self.replication, self.network, self.fetch)):
            raise ValueError("times must be finite, 0 or more")
        if not all(partition >= 0 and 0 <= more < math.inf for partition, more in self.slow):
            raise ValueError("slow partitions are numbered from 0, and take a time of 0 or more")
        if not (0 <= self.noise < math.inf and self.seed >= 0):
            raise ValueError("noise and seed must be finite, 0 or more")
        if self.service not in ("deterministic", "exponential"):
            raise ValueError(f"service is 'deterministic' or 'exponential', not {self.service!r}")
        if self.sink and self.mock:
            raise ValueError("sink and mock exclude each other")
        # The horizon of a full buffer moves by one round trip a step: without a network it would stand still.
        if self.queue_limit is not None and (self.queue_limit < 1 or self.network < 10e-6):
            raise ValueError("queue_limit must be 1 or more, and needs a network of at least 10us")

    @property
    def virtual(self) -> bool:
        """Whether it runs in virtual time."""
        return not (self.sink or self.mock)

    @classmethod
    def parse(cls, text: str) -> SimulatedSpec:
        """Return the parameters in a target name; raise TargetFileError naming the fault and the nearest parameter."""
        name, _, query = text.partition("?")
        if name != "simulated":
            raise TargetFileError(f"{text!r} is not a simulated target: write it like 'simulated?service_rate=50k/s'")
        values: dict[str, Any] = {}
        for part in filter(None, query.split("&")):
            key, equals, value = part.partition("=")
            if key not in _PARSERS or not equals or key in values:
                raise TargetFileError(f"{text!r}: {_fault(key, equals)}; the parameters are {', '.join(_PARSERS)}")
            try:
                values[key] = _PARSERS[key](value)
            except ValueError as error:
                raise TargetFileError(f"{text!r}: {key}: {error}") from None
        try:
            return cls(**values)
        except ValueError as error:
            raise TargetFileError(f"{text!r}: {error}") from None


def service_time(spec: SimulatedSpec, messages: Ints, wire: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the mean seconds (1 ns at least) that a batch of so many messages and bytes on the wire is served."""
    return np.maximum(spec.request_overhead + np.maximum(messages / spec.service_rate, wire / spec.byte_rate), 1e-9)


def fates(spec: SimulatedSpec, number: Ints) -> npt.NDArray[np.int8]:
    """Return STORED, FAILED, LOST or DUPLICATED for each message number (0 or more); shares count to 1e-9.

    A number's decimal digits in reverse are a fraction below 1 (van der Corput, base 10); errors take the lowest
    fractions, then lose, then duplicate. So any 10^k numbers in a row,
    from a multiple of 10^k, hold exactly their share.
    """
    fraction, rest = np.zeros(len(number), np.int64), number.copy()
    for _ in range(9):
        fraction, rest = fraction * 10 + rest % 10, rest // 10
    limits = np.rint(np.cumsum([spec.errors, spec.lose, spec.duplicate]) * 1e9)
    kinds = np.array([FAILED, LOST, DUPLICATED, STORED], np.int8)
    return kinds[np.searchsorted(limits, fraction, "right")]


def _fault(key: str, equals: str) -> str:
    if key not in _PARSERS:
        return f"there is no parameter {key!r}{nearest(key, _PARSERS)}"
    return f"{key!r} is given twice" if equals else f"{key!r} has no value"


def _or_none(parse: Callable[[str], Any], nothing: Any) -> Callable[[str], Any]:
    return lambda text: nothing if text == "none" else parse(text)


def _pauses(text: str) -> tuple[tuple[float, float], ...]:
    pairs = _pairs(text, "pauses", "10s:2s,30s:1s")
    return tuple((parse_duration(at), parse_duration(length)) for at, length in pairs)


def _slow(text: str) -> tuple[tuple[int, float], ...]:
    pairs = _pairs(text, "partitions", "0:5ms,3:1ms")
    return tuple((int(partition), parse_duration(more)) for partition, more in pairs)


def _pairs(text: str, what: str, example: str) -> list[tuple[str, str]]:
    pairs = [part.partition(":") for part in text.split(",") if part]
    if not all(second for _, _, second in pairs):
        raise ValueError(f"{text!r} is not a list of {what}: write it like {example!r}")
    return [(first, second) for first, _, second in pairs]


def _share(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _flag(text: str) -> bool:
    if text not in ("0", "1", "false", "true"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text in ("1", "true")


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "service_rate": _or_none(parse_rate, math.inf),
    "byte_rate": _or_none(parse_byte_rate, math.inf),
    "request_overhead": parse_duration,
    "servers": int,
    "service": str,
    "noise": float,
    "replication": parse_duration,
    "slow": _slow,
    "network": parse_duration,
    "pause": _pauses,
    "errors": _share,
    "lose": _share,
    "duplicate": _share,
    "fetch": parse_duration,
    "generator_rate": _or_none(parse_rate, math.inf),
    "queue_limit": _or_none(int, None),
    "seed": int,
    "sink": _flag,
    "mock": _flag,
}
