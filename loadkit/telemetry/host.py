"""The generator's own machine and process: CPU, memory, versions. The only psutil code."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil


class Host:
    """Samples this process and machine; each sample covers the time since the one before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._cpu = self._spent()
        psutil.cpu_percent(percpu=True)

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def sample(self) -> dict[str, Any]:
        """Return CPU seconds of this process, busy share of the machine and of each core, and resident bytes."""
        before, self._cpu = self._cpu, self._spent()
        cores = [share / 100 for share in psutil.cpu_percent(percpu=True)]
        return {
            "cpu": round(self._cpu - before, 4),
            "busy": round(sum(cores) / len(cores), 4),
            "cores": cores,
            "rss": self._process.memory_info().rss,
        }


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
