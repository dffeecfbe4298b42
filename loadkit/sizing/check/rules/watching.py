"""What must hold of alerts, of Cruise Control's capacities, of a dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import found

_NEEDED = {
    "offlinepartitionscount": "partitions without a leader",
    "underminisrpartitioncount": "partitions that refuse acks=all",
    "underreplicatedpartitions": "partitions with missing copies",
    "consumergroup_lag": "consumers that fall behind",
}
_THRESHOLD = re.compile(r"(<=|>=|==|!=|<|>)\s*([\d.eE+-]+)\s*$")
_ZERO = ("offlinepartitionscount", "underminisrpartitioncount", "offlinelogdirectorycount", "uncleanleaderelections")
_RAW_LAG = re.compile(r"^[^/]*consumergroup_lag[^/]*$")


def threshold(expr: str) -> tuple[str, float] | None:
    """Return the comparison at the end of an expression; None where there is none."""
    match = _THRESHOLD.search(expr.strip())
    try:
        return (match[1], float(match[2])) if match else None
    except ValueError:
        return None


def alert(piece: Piece) -> Iterator[Finding]:
    """Yield what is wrong with one alert."""
    expr = piece.text("expr").lower()
    ends = threshold(expr)
    if any(word in expr for word in _ZERO) and ends != (">", 0.0) and ends not in ((">=", 1.0), ("!=", 0.0)):
        yield found(piece, "alert", "expr", f"{piece.name} lets some pass: one such partition, disk or election is "
                    "already too many", "compare with > 0")  # fmt: skip
    if re.search(r"sum\s+by\s*\(\s*topic\s*\)\s*\(\s*kafka_topic_partition_in_sync", expr):
        yield found(piece, "alert", "expr", f"{piece.name} adds in-sync replicas of all partitions: a topic of three "
                    "partitions with one copy each passes", "use min by (topic, partition)")  # fmt: skip
    elif _RAW_LAG.match(expr) and ends is not None and "rate(" not in expr and "deriv" not in expr:
        yield found(piece, "alert", "expr", f"{piece.name} counts messages: {ends[1]:g} of them are an hour on a quiet "
                    "topic and nothing on a busy one", "divide by the rate of kafka_topic_partition_current_offset",
                    "advice")  # fmt: skip


def alerts(pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield what the alerts of all files together do not watch."""
    said = " ".join(piece.text("expr").lower() for piece in pieces)
    for word, what in _NEEDED.items():
        if pieces and word not in said:
            yield Finding("alert", "advice", pieces[0].file, 0, word, f"no alert watches {what}", f"add one on *{word}")


def capacity(piece: Piece) -> Iterator[Finding]:
    """Yield what is wrong with Cruise Control's capacities, by their units and its shipped example."""
    for path, value in piece.values.items():
        field = path.rsplit(".", 1)[-1]
        if field in ("DISK", "NW_IN", "NW_OUT") and not re.fullmatch(r"\d+(\.\d+)?", value.text):
            yield found(
                piece,
                "capacity",
                path,
                f"{field} = {value.text!r} is no number (MiB for DISK, KiB/s for NW_*)",
                "write a plain number",
            )
        elif field in ("DISK", "NW_IN", "NW_OUT") and float(value.text) <= 0:
            yield found(piece, "capacity", path, f"{field} is nothing", "write what was measured")
        elif field in ("NW_IN", "NW_OUT") and value.text in ("10000", "50000"):
            yield found(
                piece,
                "capacity",
                path,
                f"{field} = {value.text} KiB/s is the example that Cruise Control ships: "
                "rebalancing stops at a tenth of what a broker can do",
                "measure it, then write KiB/s",
                "advice",
            )
        elif field in ("NW_IN", "NW_OUT") and float(value.text) > 20_000_000:
            yield found(
                piece,
                "capacity",
                path,
                f"{field} = {value.text} is more than 160 Gbit/s: the unit is KiB/s, not bytes",
                "divide by 1024",
            )
