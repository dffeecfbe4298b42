"""The settings that were in force: each class's client, the topics, the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadkit.report.block import Block, Cell, Table, block, table
from loadkit.report.flat import flat, text
from loadkit.report.view import View

TITLE = "Settings in force"
ORDER = 70
_LONG = 14


def build(view: View) -> Block | None:
    """Return what each class declared, its client's settings side by side, topics and the target's properties."""
    classes: Mapping[str, Mapping[str, Any]] = view.facts.get("classes") or {}
    target: Mapping[str, Any] = view.facts.get("target") or {}
    topics: Mapping[str, Mapping[str, Any]] = target.get("topics") or {}
    configs = {name: facts.get("config") or {} for name, facts in classes.items()}
    producers = {name: config for name, config in configs.items() if name in view.producers}
    consumers = {name: config for name, config in configs.items() if name in view.consumers}
    parts = [
        _classes(classes),
        _side_by_side("Producer clients", producers),
        _side_by_side("Consumer clients", consumers),
        _topics(topics),
        _side_by_side("Topic settings", {name: facts.get("config") or {} for name, facts in topics.items()}),
        _pairs("Target's client properties (secrets masked)", target.get("properties") or {}),
        _pairs("Changed on the command line", view.facts.get("sets") or {}),
    ]
    return block(TITLE, parts)


def _classes(classes: Mapping[str, Mapping[str, Any]]) -> Table | None:
    keys = [
        key
        for key in ("role", "topic", "users", "rate", "group_id", "lane")
        if any(facts.get(key) is not None for facts in classes.values())
    ]
    rows = [[name, *(text(facts.get(key)) for key in keys)] for name, facts in classes.items()]
    words = {"rate": "rate (msg/s)", "group_id": "group"}
    return (
        table(
            "Classes",
            ("class", *(words.get(key, key) for key in keys)),
            rows,
            texts=[0, *(i for i, key in enumerate(keys, 1) if key not in ("users", "rate"))],
        )
        if rows
        else None
    )


def _side_by_side(caption: str, configs: Mapping[str, Mapping[str, Any]]) -> Table | None:
    """Return one row a setting and one column a class; a setting that differs between classes is marked."""
    names = sorted({name for config in configs.values() for name in config})
    if not names:
        return None
    rows = []
    for name in names:
        values = [text(config.get(name)) for config in configs.values()]
        tone = "warn" if len(set(values)) > 1 else ""
        rows.append([Cell(name), *(Cell(value, tone=tone) for value in values)])
    return table(
        caption,
        ("setting", *configs),
        rows,
        folded=len(rows) > _LONG,
        texts=range(len(configs) + 1),
        half=len(configs) < 3,
    )


def _topics(topics: Mapping[str, Mapping[str, Any]]) -> Table | None:
    keys = ("name", "partitions", "replication_factor")
    rows = [[declared, *(text(facts.get(key)) for key in keys)] for declared, facts in topics.items()]
    head = ("topic", "name on the cluster", "partitions", "replicas")
    return table("Topics", head, rows, texts=(0, 1)) if rows else None


def _pairs(caption: str, values: Mapping[str, Any]) -> Table | None:
    rows = [[name, value] for name, value in flat(values)]
    return (
        table(caption, ("setting", "value"), rows, folded=len(rows) > _LONG, texts=(0, 1), half=True) if rows else None
    )
