"""How far another host's clock is from ours, from exchanges of messages, with a bound; pure arithmetic.

A question leaves at `asked` of our clock, is heard at `heard` and answered at `said` of theirs, and the answer is here
at `answered`. No message arrives before it left, so theirs - ours was at most heard - asked when it was asked, and at
least said - answered when it was answered: two facts that hold however long either way took, or however unlike the two
ways were. NTP's bound of half a round trip is what follows from them at one instant.

Between and after exchanges the offset moves, because clocks differ in pace. Whatever straight line keeps to all facts
of the last `WINDOW` exchanges may be the truth; `Offset.bounds` are the lowest and the highest of these lines at an
instant. By the duality of linear programming the highest is the least of what single facts and pairs of facts allow:

    U(t_i) + PACE (t - t_i)                              a clock is at most PACE faster than another
    U(t_i) + (U(t_i) - L(t_j)) (t - t_i) / (t_i - t_j)   the steepest line over a lower fact j before an upper one i

and the lowest likewise (the same idea as Moon, Skelly, Towsley: Estimation and removal of clock skew from network delay
measurements, INFOCOM 1999). The pace itself may wander, so facts loosen by `WANDER` of their age. Facts that no line
keeps to mean that a clock stepped or changed its pace by more: older ones are dropped, and that is counted, because
the bound just before was wrong.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

PACE = 1e-3
"""The most by which clocks of two hosts may differ in pace: Linux disciplines a clock by at most 500 ppm."""
WANDER = 5e-6
"""The most by which the difference in pace may change over a window: a warmer crystal, a correction by NTP."""
WINDOW = 64
"""Exchanges that are kept."""
CATCH_UP_NS = 2_000_000_000
"""Time in which a reading is brought to the middle of the bounds."""
FASTEST = 1.5 * PACE
"""The most by which that may change its pace."""

Floats = NDArray[np.float64]


class Offset:
    """The offset of their clock (theirs - ours) as far as exchanges tell; all times in ns, instants of our clock."""

    def __init__(self) -> None:
        self._facts: deque[tuple[int, int, int, int]] = deque(maxlen=WINDOW)
        self.breaks = 0
        """How often the facts contradicted each other: a clock stepped or changed its pace."""
        self.round_trip_ns = 0
        """The last exchange's."""

    def __len__(self) -> int:
        """Return how many exchanges are kept."""
        return len(self._facts)

    def take(self, asked: int, heard: int, said: int, answered: int) -> None:
        """Take one exchange; `asked` and `answered` are ours, the others theirs."""
        self._facts.append((asked, heard - asked, answered, said - answered))
        self.round_trip_ns = answered - asked - (said - heard)
        while len(self._facts) > 1 and self._contradicts():
            self.breaks += 1
            newest = list(self._facts)[-(len(self._facts) // 2) :]
            self._facts.clear()
            self._facts.extend(newest)

    def _contradicts(self) -> bool:
        low, high = self.bounds(self._facts[-1][2])
        return low > high

    def bounds(self, at_ns: int) -> tuple[float, float]:
        """Return the least and the greatest offset at an instant not before the last exchange."""
        upper_at, upper, lower_at, lower, base = self._relative(at_ns)
        high = _highest(upper_at, upper, lower_at, lower)
        low = -_highest(lower_at, -lower, upper_at, -upper)
        return base + low, base + high

    def _relative(self, at_ns: int) -> tuple[Floats, Floats, Floats, Floats, int]:
        """Return ages (negative) and loosened facts near zero: an offset of days has no nanoseconds as a float."""
        base = self._facts[-1][1]
        rows = np.array([(t - at_ns, u - base, s - at_ns, v - base) for t, u, s, v in self._facts], np.float64)
        upper_at, upper, lower_at, lower = rows.T
        return upper_at, upper - WANDER * upper_at, lower_at, lower + WANDER * lower_at, base


def _highest(upper_at: Floats, upper: Floats, lower_at: Floats, lower: Floats) -> float:
    """Return the most that a line under all upper and over all lower facts reaches at 0, where `*_at` are below 0."""
    alone = float((upper - PACE * upper_at).min())
    between = upper_at[:, None] - lower_at[None, :]
    rise = upper[:, None] - lower[None, :]
    steep = np.divide(rise, between, out=np.full_like(rise, np.inf), where=between > 0)
    return min(alone, float((upper[:, None] - steep * upper_at[:, None]).min(initial=np.inf)))


def pace(offset: Offset, at_ns: int, reading_ns: float) -> float:
    """Return by which share a reading that is `reading_ns` from our clock now should go faster than our clock.

    It then meets the middle of the bounds `CATCH_UP_NS` later; changed by `FASTEST` at most, so that it goes on evenly.
    """
    low, high = offset.bounds(at_ns + CATCH_UP_NS)
    wanted = ((low + high) / 2 - reading_ns) / CATCH_UP_NS
    return min(max(wanted, -FASTEST), FASTEST)


def error(offset: Offset, at_ns: int, reading_ns: float) -> float:
    """Return the most by which a reading `reading_ns` from our clock may be wrong at an instant (ns)."""
    low, high = offset.bounds(at_ns)
    return max(high - reading_ns, reading_ns - low)
