"""What a load process learns of its own machine."""

from __future__ import annotations

import subprocess
import sys

import pytest
from running import ROOT

from loadkit.telemetry import host
from loadkit.telemetry.host import Host


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of threads")
def test_threads_that_share_a_core_wait_for_it() -> None:
    """A process of two busy threads on one core has waited."""
    code = """
import os, threading, sys
from time import thread_time
from ctypes import CDLL
from loadkit.telemetry.host import Host
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
one, libc = Host(), CDLL(None)  # a call through CDLL lets go of the interpreter lock
def burn():
    until = thread_time() + 0.3
    while thread_time() < until:
        libc.qsort(b"", 0, 0, None)
        sum(range(10_000))
threads = [threading.Thread(target=burn) for _ in range(2)]
for thread in threads: thread.start()
looks = []
while any(thread.is_alive() for thread in threads): looks.append(one.sample())
print(sum(look["waited"] for look in looks), sum(look["cpu"] for look in looks), looks[-1]["steal"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    waited, cpu, steal = map(float, done.stdout.split())
    assert cpu >= 0.6
    assert waited > 0
    assert 0 <= steal <= 1


def test_waiting_is_summed_over_threads_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is new counts from its start; where the kernel does not count, nothing is said."""
    looks = iter([{"1": 10**9}, {"1": 15 * 10**8, "2": 10**8}, {}])
    monkeypatch.setattr(host, "_waited", lambda: next(looks))
    one = Host()
    assert one.sample()["waited"] == 0.6
    assert "waited" not in one.sample()
