"""Where two results differ in what they were run with; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_CONNECTION = ("bootstrap.servers", "client.id", "group.id", "transactional.id", "security.", "sasl.", "ssl.")
"""Properties that two targets cannot share, or that every run names anew."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same on both sides."""

    path: str
    """`environment.python`, `Checkout.config.linger.ms`, `target.kind`, ..."""
    baseline: Any
    candidate: Any

    @property
    def text(self) -> str:
        """The difference in a line."""
        return f"{self.path}: {_shown(self.baseline)} (baseline), {_shown(self.candidate)} (candidate)"


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Difference]:
    """Return where the facts of two results differ: machine and software, classes and their clients, target."""
    return [
        *_between("environment", one.get("environment") or {}, other.get("environment") or {}),
        *_between("lane", _lanes(one), _lanes(other)),
        *_between("", _classes(one), _classes(other)),
        *_between("target", _target(one), _target(other)),
    ]


def unasked(
    found: Iterable[Difference], sets: Iterable[str], environment: bool, scenario: bool, target: bool
) -> list[Difference]:
    """Return the differences that no flag asked for.

    `sets` are the paths that the sides set differently; the others say whether the sides were given an environment, a
    scenario (or revision) and a target each.
    """
    paths = list(sets)
    left = []
    for one in found:
        head = one.path.partition(".")[0]
        given = {"environment": environment, "target": target, "lane": environment or target}
        asked = given.get(head, scenario)
        if not asked and not any(_names(path, one.path) for path in paths):
            left.append(one)
    return left


def _names(path: str, difference: str) -> bool:
    """Return whether a `--set` path is about a difference: `linger.ms` is about `Checkout.config.linger.ms`."""
    path = path.rpartition(".topic.")[2]
    return difference == path or difference.endswith(f".{path}") or difference.startswith(f"{path}.")


def _lanes(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: run.get("lane") for name, run in (facts.get("classes") or {}).items()}


def _target(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a target is, without the names that every run gives anew."""
    target = facts.get("target") or {}
    cluster = target.get("cluster") or {}
    topics = {
        name: {key: value for key, value in topic.items() if key != "name"}
        for name, topic in (target.get("topics") or {}).items()
    }
    known = {name: target.get(name) for name in ("kind", "co_located", "cores")}
    return {**known, "version": cluster.get("version"), "brokers": cluster.get("brokers"), "topics": topics}


def _classes(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each class and topic was run with, without what every run or target names anew."""
    declared = (facts.get("scenario") or {}).get("declared") or {}
    found: dict[str, Any] = {}
    for one in (*declared.get("producers", ()), *declared.get("consumers", ())):
        mine = {name: value for name, value in one.items() if name not in ("name", "topic", "config")}
        mine["config"] = {}
        found[one["name"]] = mine
        topic = one.get("topic") or {}
        found.setdefault(topic.get("name", "topic"), {k: v for k, v in topic.items() if k != "name"})
    for name, run in (facts.get("classes") or {}).items():
        mine = found.setdefault(name, {})
        mine["config"] = {k: v for k, v in (run.get("config") or {}).items() if not k.startswith(_CONNECTION)}
    return found


def _between(prefix: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*one, *other]):
        path = f"{prefix}.{name}" if prefix else name
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _between(path, a, b)
        elif a != b:
            yield Difference(path, a, b)


def _shown(value: Any) -> str:
    return "–" if value is None else str(value)
