"""What the stress test and the memory check found: judged, kept as JSON, shown as a page of markdown."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.table import markdown_table

ALL_PER_SMALL = 1.002
"""Messages of all classes to one small one."""
GROWTH = 32 << 20
"""Bytes by which a process may end above the largest it was after any lap of its first half."""
LEAK = 1 << 20
"""Bytes a lap by which what is allocated and not freed may grow: less than one client that was not closed."""
FAULTS = ("lost", "duplicated", "reordered", "unread")
HASTY = "hasty"
"""Topic of the producer whose messages time out, where librdkafka itself doubles some (see ARCHITECTURE.md)."""
_SUMMARY = re.compile(r"ERROR SUMMARY: (\d+) errors from (\d+) contexts \(suppressed: (\d+) from (\d+)\)")
_HEAD = re.compile(r"^==\d+== (?P<what>\S.*)$")
_FRAME = re.compile(r"^==\d+==    (?:at|by) 0x[0-9A-F]+: (?P<where>.*)$")
_NUMBER = re.compile(r"\b\d[\d,]*\b")
_FOLDER = re.compile(r"\(in /\S*/")
_COUNTS = ("errors", "contexts", "suppressed", "suppressed_contexts")
SHOWN = 10
"""Frames of an error that are kept."""

Document = dict[str, Any]


def opened(file: Path, fresh: bool) -> Document:
    """Return the document of earlier calls, or a new one."""
    if file.exists() and not fresh:
        read: Document = json.loads(file.read_text("utf-8"))
        return read
    return {"schema": 1, "chunks": []}


def keep(document: Document, file: Path) -> None:
    """Write the document and its page beside it."""
    file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    file.with_suffix(".md").write_text(page(document), "utf-8")


def confirmed(chunks: Sequence[Mapping[str, Any]], name: str) -> int:
    """Return how many messages of a class were confirmed in all."""
    return sum(lap["totals"].get(name, {"acked": 0})["acked"] for one in chunks for lap in one["laps"])


def growth(one: Mapping[str, Any]) -> int | None:
    """Return by how many bytes a process ended above its first half's largest; None where there is no third lap.

    Freed memory stays resident between what is held, a different part in each lap, until there is enough of it for all.
    """
    sizes = [lap["rss"] for lap in one["laps"]]
    return sizes[-1] - max(sizes[: (len(sizes) + 1) // 2]) if len(sizes) > 2 else None


def leak(one: Mapping[str, Any]) -> float | None:
    """Return by how many bytes a lap what is not freed grew after the second lap; None where that is not known."""
    sizes = [lap["held"] for lap in one["laps"]]
    return (sizes[-1] - sizes[1]) / (len(sizes) - 2) if len(sizes) > 2 and None not in sizes else None


def excused(lap: Mapping[str, Any]) -> int:
    """Return how many of a lap's duplicates are of the topic whose messages timed out, in a lap in which some did."""
    return int(lap["topics"].get(HASTY, {}).get("duplicated", 0)) if lap["errors"].get("_MSG_TIMED_OUT") else 0


def faults(document: Document) -> list[str]:
    """Return everything that makes the lane unsafe, in words."""
    found = []
    for number, one in enumerate(document["chunks"], 1):
        found += [f"process {number}, {text}" for text in _faults(one)]
    if check := document.get("memcheck"):
        found += [f"memcheck, {text}" for text in _faults(check["chunk"])]
        said = check["chunk"]["valgrind"]
        found += [f"memcheck: {one['times']} x {one['what']}: {one['where']}" for one in said["remaining"]]
        found += [] if said["complete"] else ["memcheck: valgrind wrote no summary"]
    return found


def _faults(one: Mapping[str, Any]) -> list[str]:
    found = [f"ended with {one['exit']}: {one['said'][-300:]}"] if one["exit"] else []
    for lap in one["laps"]:
        judged = {name: lap["integrity"][name] for name in FAULTS}
        judged["duplicated"] -= excused(lap)
        for name in (name for name in FAULTS if judged[name]):
            where = ", ".join(f"{topic} {counts[name]}" for topic, counts in lap["topics"].items() if counts.get(name))
            found.append(f"lap {lap['lap']}: {lap['integrity'][name]:,} {name} ({where})")
        found += [f"lap {lap['lap']}: {lap['status']}"] if lap["status"] != "complete" else []
        found += [f"lap {lap['lap']}: lanes {lap['lanes']}"] if lap["lanes"] != ["fast"] else []
        for name, total in lap["totals"].items():
            if total["unacked"] or total["sent"] != total["acked"] + total["errors"]:
                found.append(f"lap {lap['lap']}: {name} sent {total['sent']:,}, and not each was confirmed or failed")
    if (grown := growth(one) or 0) > GROWTH:
        found.append(f"memory grew by {grown / 2**20:.0f} MiB from lap to lap")
    if (left := leak(one) or 0) > LEAK:
        found.append(f"{left / 2**20:.1f} MiB a lap were not freed")
    return found


def line(lap: Mapping[str, Any]) -> str:
    """Return one lap as a line of progress."""
    acked = sum(total["acked"] for total in lap["totals"].values())
    judged = ", ".join(f"{name} {lap['integrity'][name]}" for name in FAULTS)
    return f"  lap {lap['lap']}: {acked:,} in {lap['seconds']:.0f} s, {judged}, {lap['rss'] / 2**20:.0f} MiB"


def page(document: Document) -> str:
    """Return the page of a document."""
    found = faults(document)
    verdict = "**No loss, no crash, no leak.**" if not found else "**" + "; ".join(found) + "**"
    lines = ["# The fast lane under stress", "", verdict, ""]
    if chunks := document["chunks"]:
        lines += [*_about(chunks[-1]["run"]), "", *_sums(chunks), "", *_chunks(chunks), ""]
    if check := document.get("memcheck"):
        lines += ["## Under valgrind", "", *_about(check["run"]), "", *_check(check["chunk"]), ""]
    return "\n".join(lines)


def _about(run: Mapping[str, Any]) -> list[str]:
    machine = ", ".join(f"{key} {value}" for key, value in run["machine"].items())
    versions = ", ".join(f"{key} {value}" for key, value in run["versions"].items())
    return [
        f"`{run['command']}`, {run['date']}, commit {run['commit']}.",
        "",
        f"Machine: {machine}. Versions: {versions}.",
    ]


def _sums(chunks: Sequence[Mapping[str, Any]]) -> list[str]:
    laps = [lap for one in chunks for lap in one["laps"]]
    errors: Counter[str] = Counter()
    for lap in laps:
        errors.update(lap["errors"])
    rows = [
        ["messages of 100 B, confirmed", f"{confirmed(chunks, 'Small'):,}"],
        ["messages of 24 B to 1 MiB, log-uniform, zipf keys, confirmed", f"{confirmed(chunks, 'Large'):,}"],
        ["JSON messages of an impatient producer, confirmed", f"{confirmed(chunks, 'Hasty'):,}"],
        *[[name, f"{sum(lap['integrity'][name] for lap in laps):,}"] for name in (*FAULTS, "redelivered")],
        ["of those duplicated, in the topic of messages that timed out", f"{sum(map(excused, laps)):,}"],
        *[[f"failed: {name}", f"{n:,}"] for name, n in sorted(errors.items())],
        ["times the broker was killed", f"{sum(one['kills'] for one in chunks):,}"],
        ["times a queue was full", f"{sum(lap['queue_full'] for lap in laps):,}"],
        ["members that joined a group and left it", f"{sum(lap['members'] for lap in laps):,}"],
        ["times partitions were assigned anew", f"{sum(lap['rebalances'] for lap in laps):,}"],
        ["clients' processes that crashed", f"{sum(one['exit'] != 0 for one in chunks):,}"],
    ]
    return markdown_table(["what", "how many"], rows)


def _chunks(chunks: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            str(number), str(len(one["laps"])), f"{confirmed([one], 'Small'):,}",
            f"{sum(lap['seconds'] for lap in one['laps']):.0f} s", str(one["kills"]),
            ", ".join(f"{lap['rss'] / 2**20:.0f}" for lap in one["laps"]),
            "" if (grown := growth(one)) is None else f"{grown / 2**20:+.1f} MiB",
            "" if (left := leak(one)) is None else f"{left / 2**20:+.2f} MiB",
        ]
        for number, one in enumerate(chunks, 1)
    ]  # fmt: skip
    head = [
        "process",
        "laps",
        "small",
        "took",
        "kills",
        "resident after each lap (MiB)",
        "end above the first half",
        "held more after each lap",
    ]
    return ["Each lap makes its clients anew and closes them; memory is read when all is closed.", "",
            *markdown_table(head, rows)]  # fmt: skip


def read_valgrind(text: str) -> dict[str, Any]:
    """Return what a log of memcheck says: its counts, and the errors that nothing suppresses, alike ones counted."""
    errors: Counter[tuple[str, str]] = Counter()
    head, frames = "", list[str]()
    for one in [*text.splitlines(), "==0== end"]:
        if frame := _FRAME.match(one):
            frames.append(frame["where"])
        elif found := _HEAD.match(one):
            if frames and not head.startswith(("Address", "Block")):
                errors[_NUMBER.sub("N", head), " < ".join(map(_short, frames[:SHOWN]))] += 1
            head, frames = found["what"], []
    summary = _SUMMARY.search(text)
    counts = dict(zip(_COUNTS, map(int, summary.groups()), strict=True)) if summary else {}
    remaining = [{"what": what, "where": where, "times": n} for (what, where), n in errors.most_common()]
    return {"complete": bool(summary), **counts, "remaining": remaining}


def _short(frame: str) -> str:
    """Return a frame without the folder of its library."""
    return _FOLDER.sub("(", frame)


def _check(one: Mapping[str, Any]) -> list[str]:
    found, laps = one["valgrind"], one["laps"]
    rows = [
        ["messages confirmed, all classes", f"{sum(t['acked'] for lap in laps for t in lap['totals'].values()):,}"],
        *[[name, f"{sum(lap['integrity'][name] for lap in laps):,}"] for name in FAULTS],
        ["errors in all", f"{found.get('errors', '?')} in {found.get('contexts', '?')} places"],
        ["suppressed, of CPython and its libraries",
         f"{found.get('suppressed', '?')} in {found.get('suppressed_contexts', '?')} places"],
        ["kinds of errors that remain", str(len(found["remaining"]))],
    ]  # fmt: skip
    return markdown_table(["what", "how many"], rows)
