"""gevent's ways to sleep, block and start threads."""

from __future__ import annotations

from collections.abc import Callable
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


def end_main(error: BaseException) -> None:
    """Raise an exception in the main greenlet, wherever it waits."""
    hub = gevent.get_hub()
    hub.loop.run_callback(hub.parent.throw, error)
