"""What a real and a simulated trial leave alike: classes, verdicts, and the numbers that follow from the files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from loadkit import calibrated
from loadkit.integrity import Verdict
from loadkit.result import Writer, load
from loadkit.scenario import ProducerWorkload, Scenario, Workload
from loadkit.summary import summarise
from loadkit.units import format_count


def classes(
    scenario: Scenario,
    users: Mapping[str, int],
    groups: Mapping[str, str],
    config: Callable[[Workload], dict[str, str]],
    lane: Callable[[Workload], str],
) -> dict[str, Any]:
    """Return the facts of each class: role, topic, users, rate or group id, lane, and the client settings in force.

    And what a load process of this machine makes of a producing class's messages, where that was calibrated.
    """
    return {
        w.name: {
            "role": "producer" if isinstance(w, ProducerWorkload) else "consumer",
            "topic": w.topic.name,
            "users": users[w.name],
            **({"rate": w.rate} if isinstance(w, ProducerWorkload) else {"group_id": groups.get(w.name, "")}),
            "lane": lane(w),
            "config": config(w),
            **(calibrated.beside(w, lane(w), config(w)) if isinstance(w, ProducerWorkload) else {}),
        }
        for w in scenario.workloads
    }


def confirms(config: Mapping[str, str]) -> bool:
    """Return whether a producer with these settings is told what a broker has done with a message."""
    return config.get("acks", config.get("request.required.acks")) != "0"


def withheld(judged: bool, groups: Sequence[object], unplaced: int, abandoned: bool) -> str | None:
    """Return why there is no account of the messages; None where there is one."""
    if not judged:
        return "the simulated sink keeps no log"
    if not groups:
        return "no class of the scenario consumes"
    if unplaced:
        return (
            f"{unplaced:,} messages were confirmed without an offset (acks=0, or the broker had them already when they "
            "were sent again, and others failed), so they cannot be accounted for"
        )
    return "the run was stopped before it had drained" if abandoned else None


def verdicts(found: list[Verdict], unheard: Collection[str] = ()) -> dict[str, Any]:
    """Return the verdicts of all partitions as they stand in a result: sums, rows, and the first lost offsets.

    `unheard` are the classes one of whose members died with its last second untold: what they seem to have lost it may
    have received, so that is unknown, not lost.
    """
    rows = [{name: getattr(v, name) for name in v.__slots__ if name != "lost_runs"} for v in found]
    missing = 0
    for row in rows:
        if row["group"] in unheard and row["lost"]:
            missing, row["lost"] = missing + row["lost"], None
    names = ("lost", "duplicated", "reordered", "redelivered", "unconfirmed", "unread")
    ranges = [[v.topic, v.partition, s, e - 1] for v in found if v.group not in unheard for s, e in v.lost_runs]
    facts = {
        **{name: sum(row[name] or 0 for row in rows) for name in names},
        "partitions": rows,
        "lost_ranges": ranges[:1000],
    }
    if missing:
        facts["unknown"] = {
            "lost": f"{format_count(missing)} messages were received by a load process that died before it said so, "
            "or they are lost"
        }
    return facts


def seal(writer: Writer, facts: Mapping[str, Any]) -> None:
    """Write the last facts, and the summary computed from the files as they lie on disk."""
    writer.close(**facts)
    writer.facts |= summarise(load(writer.out)).facts()
    writer.write_facts()
