"""What the proxy does to what passes it: when a frame may leave. Arithmetic only; nanoseconds of one clock."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from random import Random

SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a proxy behaves; times in seconds, those of stalls and resets since its clock began."""

    delay: float = 0.0
    """Each response is held back for so long."""
    jitter: float = 0.0
    """And for up to so much longer, evenly distributed; responses of a connection keep their order."""
    bandwidth: float = 0.0
    """Bytes a second of each broker's link, each way; 0: no limit."""
    stalls: tuple[tuple[float, float], ...] = ()
    """(begin, end): nothing leaves in between, either way."""
    resets: tuple[float, ...] = ()
    """When all connections are reset."""
    after: int = 0
    """Records that are produced before the clock begins, with the next one."""

    @classmethod
    def parse(cls, text: str) -> Behaviour:
        """Return the behaviour that `str` wrote."""
        found = json.loads(text)
        stalls = tuple((float(begin), float(end)) for begin, end in found.pop("stalls", ()))
        return cls(stalls=stalls, resets=tuple(found.pop("resets", ())), **found)

    def __str__(self) -> str:
        """Return JSON of what is not as usual."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})


def repeated(first: float, every: float, length: float, until: float) -> tuple[tuple[float, float], ...]:
    """Return stalls of one length, begun at regular times (s) up to `until`."""
    count = max(0, int((until - first) // every) + 1)
    return tuple((first + at * every, first + at * every + length) for at in range(count))


@dataclass(slots=True)
class Clock:
    """The time 0 of stalls and resets; there are none before it."""

    zero_ns: int | None = None


@dataclass(slots=True)
class Link:
    """One broker's link in one direction, which its connections share."""

    behaviour: Behaviour
    clock: Clock
    free_ns: int = 0
    """When the link has carried all that was given to it."""

    def carried(self, from_ns: int, size: int) -> int:
        """Return when the last byte of a frame has passed that may begin at an instant."""
        at = self.after_stall(from_ns)
        if not self.behaviour.bandwidth:
            return at
        at = self.after_stall(max(at, self.free_ns))
        self.free_ns = at + round(size / self.behaviour.bandwidth * SECOND_NS)
        return self.free_ns

    def after_stall(self, at_ns: int) -> int:
        """Return the first instant from `at_ns` on that lies in no stall."""
        zero = self.clock.zero_ns
        if zero is not None:
            for begin, end in self.behaviour.stalls:
                if zero + round(begin * SECOND_NS) <= at_ns < zero + round(end * SECOND_NS):
                    at_ns = zero + round(end * SECOND_NS)
        return at_ns


@dataclass(slots=True)
class Way:
    """One connection in one direction: frames leave in the order in which they came."""

    link: Link
    held_back: bool
    """Whether delay and jitter apply: to responses."""
    random: Random = field(default_factory=Random)
    last_ns: int = 0

    def leaves(self, now_ns: int, size: int) -> int:
        """Return when the last byte of a frame that came at an instant is to have left."""
        at, behaviour = now_ns, self.link.behaviour
        if self.held_back:
            at += round((behaviour.delay + behaviour.jitter * self.random.random()) * SECOND_NS)
        self.last_ns = self.link.carried(max(at, self.last_ns), size)
        return self.last_ns
