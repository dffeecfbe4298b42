"""Sweep folders for tests: real trials on a simulated cluster, written as `loadkit sweep` writes them.

The cluster of a trial has a seed of its own, so that repeats differ as they do on a real one.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from orders import orders

from loadkit.boundaries import Options
from loadkit.changes import changed
from loadkit.simulation import simulate
from loadkit.sweep import store
from loadkit.sweep.spec import Axis, Point, Record, Sweep, grid

ROOT = Path(__file__).parent.parent
CLUSTER = "simulated?service_rate=6k/s&request_overhead=1ms&servers=2&noise=0.5&service=exponential"
AXES = (Axis("linger.ms", (0, 5, 20)), Axis("batch.size", (16384, 131072)), Axis("acks", ("all", "1")))
RATE = "900/s"
Judge = Callable[[Point], Point]


def judged(point: Point) -> Point:
    """Return a point with its safety: acks=1 is not safe, and the base is the scenario as it is written."""
    unsafe = "acks=1 can lose what was acknowledged" if str(point.settings.get("acks", "all")) == "1" else None
    base = {"linger.ms": 5, "batch.size": 131072, "acks": "all"}
    return replace(point, safe=not unsafe, unsafe_because=unsafe, base=point.settings == base)


def order(points: Sequence[Point], repeats: int) -> list[tuple[str, int]]:
    """Return the trials in blocks, the base opening each and closing the last."""
    base = next((point for point in points if point.base), None)
    others = [point for point in points if not point.base and not point.invalid]
    made: list[tuple[str, int]] = []
    controls = 0
    for repeat in range(repeats):
        for half in (others[: len(others) // 2], others[len(others) // 2 :]):
            if base:
                made.append((base.id, controls))
                controls += 1
            made += [(point.id, repeat) for point in half]
    return [*made, (base.id, controls)] if base else made


def write(
    out: Path, axes: Sequence[Axis] = AXES, *, repeats: int = 3, judge: Judge = judged, sets: Sequence[str] = (),
    cluster: str = CLUSTER, upto: int | None = None, duration: float = 8.0, **spec: Any,
) -> Path:  # fmt: skip
    """Run a sweep's trials, the first `upto` of them, and write its folder."""
    scenario = orders()
    points = tuple(judge(point) for point in grid(axes))
    todo = order(points, repeats)
    records: list[Record] = []
    by_id = {point.id: point for point in points}
    for index, (point, repeat) in enumerate(todo[:upto]):
        settings = [f"{path}={value}" for path, value in by_id[point].settings.items()]
        folder = f"trials/{point}-{repeat}"
        at = changed(scenario, [f"Checkout.rate={RATE}", "orders.partitions=6", *sets, *settings])
        simulate(at, f"{cluster}&seed={index}", Options(out=out / folder, duration=duration))
        sure = Record(point, repeat, index, folder, "complete", seconds=duration, started_at=_at(index))
        record = store.recorded(out, sure)
        assert record
        records.append(replace(record, started_at=_at(index)))
    base = next((point.settings for point in points if point.base), points[0].settings)
    stored = store.Stored(
        sweep=Sweep(tuple(axes), repeats=repeats, duration=duration, sets=tuple(sets), **spec),
        scenario={"name": "orders", "file": "orders.py", "sha256": "ab" * 32, "description": scenario.description},
        target_name=cluster, strategy="grid", base=base, points=points, order=tuple(todo), trials=tuple(records),
        status="complete" if upto is None else "running",
        target={"name": cluster, "kind": "simulated", "co_located": False, "cores": None, "topics": {}},
        argv=("loadkit", "sweep", "scenarios/orders.py", "--target", cluster, "--vary", "linger.ms=0,5,20", "--repeats", "3"),
        environment={"python": "3.12.4", "memory": 8 << 30}, loadkit="0.1.0",
    )  # fmt: skip
    store.write(out, stored)
    store.export(out, stored)
    return out


def _at(index: int) -> str:
    return f"2026-11-25T10:{index // 2:02d}:{30 * (index % 2):02d}.000+00:00"


@cache
def whole() -> Path:
    """Return the folder of a whole sweep, made once."""
    folder = Path(tempfile.mkdtemp(prefix="loadkit-sweep-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write(folder / "sweep", slo=("latency.p99 < 60ms",))
