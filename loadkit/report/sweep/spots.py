"""Points as pictures show them: their mark, what hovering tells, and numbers in the unit of an axis."""

from __future__ import annotations

from loadkit import vocabulary
from loadkit.report.sweep import words
from loadkit.report.sweep.marks import POINTS, Mark, Spot
from loadkit.report.sweep.view import EARLY, GENERATOR, MEASURED, Tried, View, level
from loadkit.sweep.goals import WIRE

_FACTS = ("throughput", WIRE, "latency.p50", "latency.p99", "latency.p99.9", "latency.max", "end_to_end.p99",
          "client.cpu_per_message", "batch.size", "compression.ratio", "requests", "lag.max")  # fmt: skip
_COUNTED = ("lost", "errors", "unsent")


def unit(name: str) -> tuple[float, str]:
    """Return by how much a metric is multiplied in charts, and the unit of their axis."""
    bare = name if name == WIRE else vocabulary.split(name)[1]
    series = bare.partition(".")[0]
    if series in vocabulary.LATENCIES or bare == "lag_time.max":
        return 1e3, "ms"
    return {
        "client.cpu_per_message": (1e6, "µs"), "bytes": (1e-6, "MB/s"), "batch.size": (1 / 1024, "KiB"),
        "throughput": (1.0, "msg/s"), "consumed": (1.0, "msg/s"), "offered": (1.0, "msg/s"),
        "max_rate": (1.0, "msg/s"), "requests": (1.0, "1/s"), "batches": (1.0, "1/s"), "requests.per_mb": (1.0, "1/MB"),
        "client.cpu_per_mb": (1e3, "ms/MB"), "wire.bytes": (1e-6, "MB/s"),
        "lag.max": (1.0, "messages"), WIRE: (1.0, "B"),
    }.get(bare, (1.0, "1"))  # fmt: skip


def in_chart(name: str, value: float | None) -> float | None:
    """Return a metric in the unit of its axis."""
    return None if value is None else value * unit(name)[0]


def axis(name: str) -> str:
    """Return the title of a metric's axis."""
    return f"{words.metric(name)} ({unit(name)[1]})"


def mark(tried: Tried) -> Mark:
    """Return how a point is drawn: its shape says whether it is safe, its colour also whose limit it was."""
    state = tried.state if tried.state in (MEASURED, GENERATOR, EARLY) else MEASURED
    return POINTS[tried.point.safe, state]


def hover(view: View, tried: Tried) -> str:
    """Return all facts of a point, a line each."""
    point = tried.point
    lines = [f"{point.id}{' (base)' if point.base else ''}: {words.counted(len(tried.trials or tried.early), 'trial')}"]
    lines += [f"{path} = {level(value)}" for path, value in point.settings.items()]
    for name in dict.fromkeys((view.objective, *_FACTS)):
        value = view.value(tried, name)
        if value is not None:
            ends = view.interval(tried, name) if name == view.objective else None
            shown = f" ({words.between(name, *ends)})" if ends else ""
            lines.append(f"{words.metric(name)}: {view.show(name, value)}{shown}")
    lines += [f"{name}: {view.value(tried, name):,.0f}" for name in _COUNTED if view.value(tried, name)]
    lines.append(f"limit: {tried.limit}")
    if not point.safe:
        lines.append(f"unsafe: {point.unsafe_because or 'may lose messages'}")
    return "\n".join(lines)


def spot(view: View, tried: Tried, x: str, y: str, ring: str = "") -> Spot | None:
    """Return a point in the plane of two metrics; None where one is not known."""
    at, up = in_chart(x, view.value(tried, x)), in_chart(y, view.value(tried, y))
    if not at or not up or at <= 0 or up <= 0:
        return None
    ends = view.interval(tried, y)
    low, high = (in_chart(y, end) for end in ends) if ends else (None, None)
    return Spot(at, up, mark(tried), hover(view, tried), low, high, ring)
