"""The generator's own machine and process: CPU, memory, versions. The only psutil code."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from loadkit.host_class import host_class

_THREADS = Path("/proc/self/task")
_NS = 1e-9


class Host:
    """Samples this process and machine; each sample covers the time since the one before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cpu = self._spent()
        self._waited = _waited()
        psutil.cpu_percent(percpu=True)
        psutil.cpu_times_percent()

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def sample(self) -> dict[str, Any]:
        """Return CPU seconds of this process, busy share of the machine and of each core, and resident bytes.

        On Linux also `waited`, the seconds that its threads wanted a core and waited for one (all threads together),
        and `steal`, the share of the machine's cores that whoever runs this virtual machine gave to others.
        """
        before, self._cpu = self._cpu, self._spent()
        cores = [share / 100 for share in psutil.cpu_percent(percpu=True)]
        return {
            "cpu": round(self._cpu - before, 4),
            "busy": round(sum(cores) / len(cores), 4),
            "cores": cores,
            "rss": self._process.memory_info().rss,
            **self._waits(),
        }

    def _waits(self) -> dict[str, float]:
        before, self._waited = self._waited, _waited()
        if not self._waited:
            return {}
        waited = sum(now - before.get(thread, 0) for thread, now in self._waited.items())
        steal = getattr(psutil.cpu_times_percent(), "steal", 0.0) / 100
        return {"waited": round(waited * _NS, 4), "steal": round(steal, 4)}


def _waited() -> dict[str, int]:
    """Return of each thread of this process how long it waited for a core (ns).

    From `schedstat` of proc(5), which the kernel keeps where it is built with CONFIG_SCHED_INFO; empty elsewhere.
    """
    found = {}
    for place in _THREADS.iterdir() if _THREADS.exists() else ():
        try:
            found[place.name] = int((place / "schedstat").read_bytes().split()[1])
        except (OSError, ValueError, IndexError):  # the thread has ended, or the kernel does not count
            continue
    return found


def environment() -> dict[str, Any]:
    """Return what a reader needs to know of the machine and the software, without names of hosts or users."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        **{
            name.replace("-", "_"): _version(name)
            for name in ("loadkit", "locust", "gevent", "confluent-kafka", "numpy")
        },
    }


@cache
def machine() -> dict[str, str]:
    """Return the class of this machine."""
    return host_class(environment()) or {"name": "a machine that does not say what it is", "id": "unknown"}


def pin(cpus: frozenset[int]) -> None:
    """Keep this process on some CPUs, where the system can."""
    affinity = getattr(psutil.Process(), "cpu_affinity", None)
    if affinity:
        affinity(sorted(cpus))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
