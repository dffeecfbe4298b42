"""gevent's ways to sleep, block and start threads, and clocks that processes and hosts can compare."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import Any

import gevent
from gevent import monkey
from gevent.threadpool import ThreadPool

from loadkit.worker import Runtime

POOL = 64
"""Places for blocking client calls; gevent's own pool has ten and DNS needs them."""
_native_sleep = monkey.get_original("time", "sleep")
_start_new_thread = monkey.get_original("_thread", "start_new_thread")


def runtime() -> Runtime:
    """Return gevent's ways to sleep, block and start threads; made after a fork, because threads do not survive one."""
    pool = ThreadPool(POOL)
    return Runtime(
        sleep=gevent.sleep,
        native_sleep=_native_sleep,
        call=lambda job: _unwrap(pool.apply(_caught, (job,))),
        start_thread=lambda job: _start_new_thread(job, ()),
        spawn=gevent.spawn,
    )


def _caught(job: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return job(), None
    except BaseException as error:  # raised again where the job was asked for
        return None, error


def _unwrap(outcome: tuple[Any, BaseException | None]) -> Any:
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def clock() -> dict[str, Any]:
    """Return what another process needs to find a monotonic instant of ours on its own clock."""
    return {"wall_ns": time_ns() - monotonic_ns(), "boot": boot_id()}


def shift_ns(theirs: Mapping[str, Any]) -> int:
    """Return what to add to the monotonic instants of a process that sent its `clock`: nothing on one host."""
    return 0 if theirs["boot"] == boot_id() else int(theirs["wall_ns"]) - int(clock()["wall_ns"])


def boot_id() -> str:
    """Return what is the same for all processes that share a monotonic clock."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


def end_main(error: BaseException) -> None:
    """Raise an exception in the main greenlet, wherever it waits."""
    hub = gevent.get_hub()
    hub.loop.run_callback(hub.parent.throw, error)
