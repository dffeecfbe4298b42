"""What results on disk say that a plan can use: one `Point` a trial, one `Answer` a search.

A folder given may be a trial, a sweep, a search, or any folder that holds some. Only whole trials count; those whose
settings could lose or reorder messages are read and set aside, because nothing unsafe is recommended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError
from loadkit.result import RESULT, load, read_rows
from loadkit.sizing.model import cpu
from loadkit.summary import summarise
from loadkit.sweep import max_file

_SEED = re.compile(r"[?&]seed=\d+")
"""Of a simulated target: repeats of one cluster differ by it, and are one cluster all the same."""
KEPT_UP = 0.99
"""Share of the offered rate that must be acknowledged for a trial to have carried it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One trial; rates are of the cluster unless they say otherwise, bytes as sent on the wire."""

    folder: str
    family: str
    """Trials of one family differ by their rate only."""
    started_at: str
    kind: str
    co_located: bool
    shape: str | None
    brokers: int
    copies: int
    settings: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    limit: str
    offered: float
    throughput: float
    """Messages a second."""
    wire: float
    """Bytes a second."""
    read: float
    """Bytes a second to all consumers."""
    ratio: float | None
    """Bytes before compression to bytes after; None where it was not seen."""
    consumer_rate: float
    """Messages a second of one consumer."""
    partitions: Mapping[str, int] = field(default_factory=dict)
    hottest: Mapping[str, float] = field(default_factory=dict)
    """Share of a topic's messages that its busiest partition got."""
    topics: Mapping[str, float] = field(default_factory=dict)
    """Bytes a second by topic."""
    busy: tuple[tuple[cpu.Load, float], ...] = ()
    """What each broker that told both did, and its busy cores."""
    client: str = ""
    unsafe: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Of the first producer."""
    scenario: str = ""
    """The Locust file."""

    @property
    def kept_up(self) -> bool:
        """Whether it carried what was offered, whole."""
        clean = not any(self.metrics.get(name) for name in ("errors", "lost"))
        return clean and self.limit == "none" and self.throughput >= KEPT_UP * self.offered

    def work(self, rate: float | None = None) -> float:
        """Return write equivalents (bytes/s) a broker, copies counted, at this trial's rate or another (msg/s)."""
        into = self.wire * self.copies
        out = self.wire * (self.copies - 1) + self.read
        scale = 1.0 if rate is None else rate / max(self.throughput, 1e-9)
        return cpu.work(into, out) / self.brokers * scale

    def messages(self, rate: float | None = None) -> float:
        """Return messages a second stored by a broker, copies counted."""
        return (self.throughput if rate is None else rate) * self.copies / self.brokers


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found: the rate (msg/s) that held, and the nearest that did not."""

    hold: Point
    rate: float
    low: float
    high: float
    bound: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was read."""

    folders: tuple[str, ...]
    points: tuple[Point, ...]
    answers: tuple[Answer, ...]
    set_aside: tuple[str, ...] = ()
    """Trials that do not count, each with its reason."""


def gather(folders: Sequence[Path], wanted: Sequence[str] = ()) -> Evidence:
    """Return the evidence in folders; UsageError where one holds none.

    `wanted` names metrics beyond the standard ones, such as `latency.p99.5`.
    """
    points: dict[Path, Point] = {}
    aside: list[str] = []
    answers: list[Answer] = []
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"--from {folder}: no such folder; give what `loadkit sweep` or `loadkit max` wrote")
        found = sorted(folder.rglob(RESULT))
        if not found:
            raise UsageError(f"--from {folder} holds no trial: give what `loadkit run`, `sweep` or `max` wrote")
        for path in found:
            read = _point(path, folder, wanted)
            if isinstance(read, Point):
                points[path.parent.resolve()] = read
            else:
                aside.append(read)
        answers += [one for path in sorted(folder.rglob(max_file.FILE)) if (one := _answer(path.parent, points))]
    usable = tuple(point for point in points.values() if not point.unsafe)
    aside += [f"{point.folder}: {point.unsafe}" for point in points.values() if point.unsafe]
    return Evidence(
        tuple(map(str, folders)), usable, tuple(one for one in answers if not one.hold.unsafe), tuple(aside)
    )


def _point(path: Path, root: Path, wanted: Sequence[str]) -> Point | str:
    """Return a trial, or why it does not count."""
    name = str(root / path.parent.relative_to(root))
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return f"{name}: {RESULT} is damaged"
    metrics = facts.get("metrics") or {}
    if facts.get("status") != "complete" or not metrics.get("throughput"):
        return f"{name}: {facts.get('status')}, nothing was acknowledged in a measured phase" if facts.get(
            "status") == "complete" else f"{name}: {facts.get('status')}"  # fmt: skip
    if not set(wanted) <= metrics.keys():
        metrics = {**metrics, **summarise(load(path.parent), wanted).metrics}
    target, classes = facts.get("target") or {}, facts.get("classes") or {}
    throughput, ratio = float(metrics["throughput"]), metrics.get("compression.ratio")
    wire = float(metrics.get("bytes") or 0) / (ratio or 1.0)
    topics = (target.get("topics") or {}).values()
    copies = max((int(one["replication_factor"]) for one in topics), default=1)
    consumers = sum(one.get("users") or 0 for one in classes.values() if one["role"] == "consumer")
    consumed = float(metrics.get("consumed") or 0)
    settings = {key: value for key, value in (facts.get("sets") or {}).items() if not key.endswith(".rate")}
    cluster, properties = target.get("cluster") or {}, target.get("properties") or {}
    shares = _shares(facts.get("integrity") or {})
    stated, cluster_name = properties.get("cluster") or {}, _SEED.sub("", str(target.get("name")))
    return Point(
        name, json.dumps([settings, cluster_name, (facts.get("scenario") or {}).get("sha256")], default=str),
        str(facts.get("started_at") or ""), str(target.get("kind")), bool(target.get("co_located")),
        stated.get("shape"), _brokers(cluster, stated),
        copies, settings, metrics,
        str(facts.get("limit")), float(metrics.get("offered") or throughput), throughput, wire,
        wire * consumed / throughput, ratio, consumed / consumers if consumers else 0.0,
        {topic: len(of) for topic, of in shares.items()},
        {topic: max(of) / sum(of) for topic, of in shares.items() if sum(of)},
        dict(_by_topic(classes, metrics, ratio)), tuple(_busy(path.parent, target, copies)),
        _client(facts), _unsafe(classes),
        next((one.get("config") or {} for one in classes.values() if one["role"] == "producer"), {}),
        str((facts.get("scenario") or {}).get("file") or ""),
    )  # fmt: skip


def _brokers(cluster: Mapping[str, Any], stated: Mapping[str, Any]) -> int:
    """Return the brokers that were loaded; on platforms that sell units, how many of those the target file states."""
    units = stated.get("platform") in ("msk-serverless", "confluent-cloud", "event-hubs", "google-managed-kafka")
    first, second = (stated, cluster) if units else (cluster, stated)
    return int(first.get("brokers") or second.get("brokers") or 1)


def _shares(integrity: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return what each partition of each topic acknowledged; a topic that several groups read counts once."""
    found: dict[str, dict[int, float]] = {}
    for row in integrity.get("partitions") or ():
        found.setdefault(row["topic"], {})[row["partition"]] = float(row["acked"])
    return {topic: list(of.values()) for topic, of in found.items()}


def _by_topic(
    classes: Mapping[str, Any], metrics: Mapping[str, Any], ratio: float | None
) -> Iterator[tuple[str, float]]:
    by: dict[str, float] = {}
    for name, one in classes.items():
        if one["role"] == "producer":
            by[one["topic"]] = by.get(one["topic"], 0.0) + float(metrics.get(f"{name}.bytes") or 0) / (ratio or 1.0)
    if len(by) == 1:
        by = {topic: float(metrics.get("bytes") or 0) / (ratio or 1.0) for topic in by}
    yield from by.items()


def _busy(folder: Path, target: Mapping[str, Any], copies: int) -> Iterator[tuple[cpu.Load, float]]:
    """Yield of each broker its mean load and busy cores over the measured phase; what followers store counts too."""
    if target.get("kind") == "simulated":
        return
    by: dict[str, list[Mapping[str, Any]]] = {}
    for row in read_rows(folder)[0]:
        if row.get("kind") == "broker" and row.get("phase") == "measure" and row.get("cpu") is not None:
            by.setdefault(row["name"], []).append(row)

    def mean(rows: Sequence[Mapping[str, Any]], *names: str) -> float:
        return float(sum(row.get(name) or 0 for row in rows for name in names)) / len(rows)

    for rows in by.values():
        into, out = mean(rows, "bytes_in", "replicated_in"), mean(rows, "bytes_out", "replicated_out")
        if into:
            requests = mean(rows, "requests_produce", "requests_fetch", "requests_replica")
            load = cpu.Load(cpu.work(into, out), mean(rows, "messages_in") * copies, requests)
            yield load, mean(rows, "cpu")


def _client(facts: Mapping[str, Any]) -> str:
    version = (facts.get("environment") or {}).get("librdkafka")
    return f"librdkafka {version}" if version else "librdkafka"


def _unsafe(classes: Mapping[str, Any]) -> str:
    for name, one in classes.items():
        config = {key: str(value).lower() for key, value in (one.get("config") or {}).items()}
        if one["role"] != "producer":
            continue
        if config.get("acks", config.get("request.required.acks", "all")) not in ("all", "-1"):
            return f"unsafe: {name} has acks={config.get('acks', config.get('request.required.acks'))}"
        if config.get("enable.idempotence", "true") != "true":
            return f"unsafe: {name} has enable.idempotence={config['enable.idempotence']}"
    return ""


def _answer(folder: Path, points: Mapping[Path, Point]) -> Answer | None:
    """Return what a search that came to an end found."""
    document = max_file.read(folder)
    answer = document.get("answer") or {}
    rate = answer.get("max_rate")
    hold = max_file.held(document) or _nearest(document["probes"], rate)
    if document["status"] != "complete" or not rate or hold is None:
        return None
    point = points.get((folder / str(hold["folder"])).resolve())
    if point is None:
        return None
    low, high = [*(answer.get("interval") or ()), None, None][:2]
    return Answer(point, float(rate), float(low or rate), float(high or rate), str(answer.get("bound")))


def _nearest(probes: Iterable[Mapping[str, Any]], rate: float | None) -> Mapping[str, Any] | None:
    """Return the trial that passed nearest to a rate."""
    passed = [one for one in probes if one["verdict"] == "pass"]
    return min(passed, key=lambda one: abs(one["rate"] - (rate or 0)), default=None)
