"""The load loop: one native thread a process drives all its users.

Measured better than a thread a user (the interpreter lock is handed around less) and than greenlets
(gevent's timers have a grain of 1 ms). It never sleeps longer than a tick while confirmations are
outstanding, because a confirmation's clock is only as true as the polling is frequent.
"""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
from collections import deque
from collections.abc import Callable
from time import thread_time

from loadkit import clock
from loadkit.drivers import AT_ONCE, FEW, IDLE_NS, ConsumerDriver, ProducerDriver
from loadkit.pacer import NEVER

TICK_NS = 150_000
"""Longest sleep while confirmations are outstanding."""
SHARP_NS = 40_000
"""The same while they are few: then polling costs little, and the lateness of each confirmation shows."""
FULL_NS = 500_000
"""The same while every client's queue is full: a message then waits in it for tens of milliseconds."""
LEAST_NS = 100_000
"""Shortest sleep while many are outstanding: at high rates a few messages leave together, which saves the process, and
the broker beside it, a third of its CPU."""
LISTEN_NS = 500_000
"""Longest sleep while consumers are attached."""
CPU_ROUNDS = 64
"""Rounds that end in a sleep between two readings of the thread's CPU time."""
SWITCH_SECONDS = 0.0001
"""The interpreter's switch interval: with its default of 5 ms messages leave up to 5 ms late beside other threads."""

GC_THRESHOLDS = (50_000, 20, 100)
"""Messages in hand look like garbage: at the usual thresholds collecting took an eighth of the loop's time."""

_PR_SET_TIMERSLACK = 29
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The number of the system call."""
SLICE_NS = 100_000
"""The slice of a core that the loop's thread asks for: the shortest there is."""

Job = Callable[[], None]


class Loop:
    """Steps every driver in turn until told to stop; `run` is its thread."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        """Take the real sleep: a patched one would need gevent's hub in this thread."""
        self.producers: list[ProducerDriver] = []
        self.consumers: list[ConsumerDriver] = []
        self.gaps: deque[int] = deque(maxlen=200_000)
        self.cpu = 0.0
        """CPU seconds of this thread: Python's work, without that of the client library's own threads."""
        self.error: BaseException | None = None
        self.done = False
        self._jobs: deque[Job] = deque()
        self._sleep = sleep
        self._stop = False
        self._last_poll = self._rounds = 0

    def submit(self, job: Job) -> None:
        """Have something done between two steps, in the loop's own thread."""
        self._jobs.append(job)

    def stop(self) -> None:
        """End after the current step."""
        self._stop = True

    def run(self) -> None:
        """Drive until stopped; an error is kept and ends the loop."""
        before, thresholds = sys.getswitchinterval(), gc.get_threshold()
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            _wake_sharply()
            while not self._stop:
                wait = self._step()
                self._count_cpu(busy=not wait)
                if wait > 0:
                    self._sleep(wait / 1e9)
        except BaseException as error:  # shown by whoever watches the loop, which ends the run
            self.error = error
        finally:
            sys.setswitchinterval(before)
            gc.set_threshold(*thresholds)
            gc.unfreeze()
            self.done = True

    def finish_jobs(self) -> None:
        """Do what was submitted; by another thread only once `done`."""
        while self._jobs:
            self._jobs.popleft()()

    def _step(self) -> int:
        """Do one round; return how long to sleep in nanoseconds."""
        self.finish_jobs()
        again, in_flight = NEVER, 0
        for producer in self.producers:
            again = min(again, producer.step(clock.now_ns()))
            in_flight += producer.outstanding()
        self._note_gap(in_flight > 0)
        worked = False
        for consumer in self.consumers:
            worked = consumer.step(clock.now_ns()) or worked
        if worked or again == AT_ONCE:
            return 0
        tick = SHARP_NS if in_flight <= FEW else TICK_NS if not self._full() else FULL_NS
        longest = tick if in_flight else LISTEN_NS if self.consumers else IDLE_NS
        return min(longest, max(again - clock.now_ns(), LEAST_NS))

    def _full(self) -> bool:
        """Return whether no producer's client has room for what is due."""
        return all(producer.full for producer in self.producers)

    def _count_cpu(self, busy: bool) -> None:
        """Read this thread's CPU time: a system call, so only now and then in rounds that do little."""
        self._rounds += 1
        if busy or not self._rounds % CPU_ROUNDS:
            self.cpu = thread_time()

    def _note_gap(self, in_flight: bool) -> None:
        """Keep the time between two rounds of polling: the uncertainty of `acked`."""
        now = clock.now_ns()
        if in_flight and self._last_poll:
            self.gaps.append(now - self._last_poll)
        self._last_poll = now if in_flight else 0


def _wake_sharply() -> None:
    """Have this thread's sleeps end within a microsecond, and have it run soon after.

    Linux may add 50 us to each sleep to save power. And from 6.12 on a thread may ask for short slices of a core: it
    gets no more of it, but sooner, which beside a broker on the same cores is the difference of milliseconds.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    number = _SCHED_SETATTR.get(platform.machine())
    if number:  # an older kernel ignores the slice
        attributes = _SchedAttr(ctypes.sizeof(_SchedAttr), 0, 0, os.getpriority(os.PRIO_PROCESS, 0), 0, SLICE_NS, 0, 0)
        libc.syscall(number, 0, ctypes.byref(attributes), 0)


class _SchedAttr(ctypes.Structure):
    """struct sched_attr of sched_setattr(2)."""

    _fields_ = (
        ("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64), ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32), ("runtime", ctypes.c_uint64), ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )  # fmt: skip
