"""What a load process learns of its own machine."""

from __future__ import annotations

import sys
import threading
from time import thread_time

import pytest

from loadkit.telemetry import host
from loadkit.telemetry.host import Host


def burn(seconds: float) -> None:
    """Use so much CPU time in this thread."""
    until = thread_time() + seconds
    while thread_time() < until:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of threads")
def test_the_busiest_thread_is_told_and_not_the_sum() -> None:
    """Two threads of different work: the larger one counts, both are in the CPU of the process."""
    one = Host()
    threads = [threading.Thread(target=burn, args=(seconds,)) for seconds in (0.4, 0.2)]
    seen = threading.Event()
    keep = threading.Thread(target=lambda: (burn(0.5), seen.wait(30)))  # alive when it is looked at
    for thread in (*threads, keep):
        thread.start()
    for thread in threads:
        thread.join()
    while one._cpu + 1.1 > one._spent():
        pass
    row = one.sample()
    seen.set()
    keep.join()
    assert 0.4 <= row["thread"] <= row["cpu"]
    assert row["cpu"] >= 1.0
    assert 0 <= row["steal"] <= 1


def test_waiting_is_summed_over_threads_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is new counts from its start; where the kernel does not count, nothing is said."""
    looks = iter([{"1": (0, 10**9)}, {"1": (10**8, 15 * 10**8), "2": (3 * 10**8, 10**8)}, {}])
    monkeypatch.setattr(host, "_scheduled", lambda: next(looks))
    one = Host()
    row = one.sample()
    assert (row["waited"], row["thread"]) == (0.6, 0.3)
    assert "waited" not in one.sample()
