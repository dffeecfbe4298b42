"""loadkit's accounts of a run beside the log as the witness read it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trust.integrity.reading import Log
from trust.integrity.truth import Account, Range, account, lost_ranges

FAULTS = ("lost", "duplicated", "reordered", "unread")
Logs = Mapping[str, Log]
"""What the witness read, by isolation level."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Both sides of a run, and what is wrong with it."""

    told: dict[str, int]
    """loadkit: messages sent, acknowledged, aborted, failed, unanswered, never sent; and each fault that it found."""
    read: Account
    """The witness, of all messages, those of aborted transactions included."""
    committed: int
    """Messages that a reader of committed ones finds."""
    places: dict[str, list[Range]] | None
    """Lost offsets by either, where both are known."""
    wrong: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """Return it as figures keep it."""
        return {"told": self.told, "read": asdict(self.read), "committed": self.committed, "places": self.places}


def untouched(facts: Mapping[str, Any], logs: Logs) -> Judged:
    """Return the judgement of a run in which nothing may be lost, doubled or reordered, by either account."""
    told, found, committed = _sides(facts, logs)
    wrong = [f"loadkit: {told[name]} {name}" for name in (*FAULTS, "errors", "unacked") if told[name]]
    wrong += [
        f"witness: {value} {name}" for name in ("missing", "doubled", "reordered") if (value := getattr(found, name))
    ]
    if told["sent"] - told["aborted"] != committed:
        wrong.append(f"loadkit says {told['sent'] - told['aborted']} messages committed, the witness read {committed}")
    if told["received"] - told["redelivered"] != committed:
        wrong.append(f"loadkit received {told['received'] - told['redelivered']} of {committed} messages")
    return Judged(told, found, committed, None, tuple(wrong))


def agreed(facts: Mapping[str, Any], logs: Logs, keys: int) -> Judged:
    """Return the judgement of a run that must have lost messages: exactly those that the witness misses, offset by
    offset; `keys` are the scenario's.
    """
    told, found, committed = _sides(facts, logs)
    wrong = [f"{told[name]} {name}: what was sent is not known" for name in ("errors", "unacked") if told[name]]
    if not found.missing:
        wrong.append("nothing was lost: the case did not do what it is for")
    if told["lost"] != found.missing:
        wrong.append(f"loadkit says {told['lost']} lost, the witness misses {found.missing}")
    theirs = sorted((p, start, end) for _, p, start, end in facts["integrity"]["lost_ranges"])
    opened = sum(facts["target"]["topics"][name]["partitions"] for name in facts["target"]["topics"])
    try:
        ours = lost_ranges(logs["read_uncommitted"], told["sent"], opened, keys)
    except ValueError as error:
        return Judged(told, found, committed, None, (*wrong, str(error)))
    if theirs != ours:
        wrong.append(f"loadkit names {_shown(theirs)} as lost, the witness {_shown(ours)}")
    by_partition = {row["partition"]: row["lost"] for row in facts["integrity"]["partitions"] if row["lost"]}
    counted = {p: sum(end - start + 1 for q, start, end in ours if q == p) for p, _, _ in ours}
    if by_partition != counted:
        wrong.append(f"by partition loadkit says {by_partition}, the witness {counted}")
    return Judged(told, found, committed, {"loadkit": theirs, "witness": ours}, tuple(wrong))


def _shown(ranges: list[Range]) -> str:
    return ", ".join(f"{p}: {start}-{end}" for p, start, end in ranges) or "none"


def _sides(facts: Mapping[str, Any], logs: Logs) -> tuple[dict[str, int], Account, int]:
    """Return loadkit's sums, the witness's account of every message, and how many are committed.

    What was sent counts the message by which each producer opened each partition: it is in the log and committed, but
    in no total of the measured phase.
    """
    classes, checked = facts["classes"], facts["integrity"]
    totals = {
        name: sum(total[name] for total in facts["totals"].values())
        for name in ("sent", "acked", "errors", "unacked", "aborted", "unsent")
    }
    opened = sum(
        one["users"] * facts["target"]["topics"][one["topic"]]["partitions"]
        for one in classes.values() if one["role"] == "producer"
    )  # fmt: skip
    told = {**totals, "sent": totals["sent"] + opened, "acked": totals["acked"] + opened}
    told |= {name: checked[name] for name in (*FAULTS, "redelivered", "unconfirmed")}
    told["received"] = sum(row["received"] for row in checked["partitions"])
    found = account(logs["read_uncommitted"], told["sent"])
    return told, found, account(logs["read_committed"], told["sent"]).distinct
