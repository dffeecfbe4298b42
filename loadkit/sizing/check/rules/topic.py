"""What must hold of a topic: three copies, two in sync, no unclean leader, kept for as long as readers are away."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import found, how, unseen
from loadkit.units import format_duration

SAFETY = 1.25
"""How much longer than consumers' outage and catch-up together a topic must keep its messages."""


def topic(piece: Piece, platform_fixed: bool = False) -> Iterator[Finding]:
    """Yield what is unsafe in a topic's settings; `platform_fixed`: a platform sets copies and the rest itself."""
    altered = piece.text("action") == "alter"
    if not platform_fixed:
        yield from copies(piece, "replication.factor", "min.insync.replicas", altered)
    yield from unclean(piece)
    if altered and "partitions" in piece.values:
        yield found(
            piece,
            "partitions-altered",
            "partitions",
            "adding partitions moves keys to other partitions: the "
            "order of every key's messages breaks, and compacted topics keep stale values",
            "if the topic has keys, make a new one, move producers to it, let consumers finish the old one",
        )
    yield from _cleanup(piece)


def copies(piece: Piece, factor: str, in_sync: str, altered: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with a replication factor and its min.insync.replicas; -1 leaves them to the brokers."""
    many, few = piece.number(factor), piece.number(in_sync)
    if many == -1:
        many = None
        yield found(piece, "copies", factor, f"{factor}=-1 leaves it to default.replication.factor of the brokers",
                    "check their server.properties too", "unjudged")  # fmt: skip
    elif (factor not in piece.values or (many is not None and many < 3)) and not altered:
        yield found(piece, "copies", factor, f"{how(piece, factor)}: " + _few(many), f"write {factor}=3")  # fmt: skip
    if (few is not None and few < 2) or (in_sync not in piece.values and not altered):
        yield found(
            piece,
            "in-sync",
            in_sync,
            f"{how(piece, in_sync)}"
            + ("" if few is not None else " and Kafka's default is 1")
            + ": acks=all then means one broker alone, whose loss loses acknowledged messages",
            f"write {in_sync}=2",
        )
    if many is not None and few is not None and few > many - 1:
        when = "while one broker restarts" if few <= many else "with acks=all, ever"
        fix = f"write {factor}=3 and {in_sync}=2" if many < 3 else f"write {in_sync}={int(many) - 1}"
        text = f"{in_sync}={few:g} with {many:g} copies: nothing can be written {when}"
        yield found(piece, "in-sync", in_sync, text, fix)


def _few(many: float | None) -> str:
    if many is None:
        return "Kafka's default is one copy"
    if many == 1:
        return "one copy is lost with its broker"
    return "two copies: while one is away or being repaired, the next loss loses messages or stops writing"


def unclean(piece: Piece) -> Iterator[Finding]:
    """Yield a finding where a replica that lacks messages may lead."""
    name = "unclean.leader.election.enable"
    if name in piece.values and not unseen(piece, name) and piece.text(name).lower() != "false":
        yield found(
            piece,
            "unclean",
            name,
            f"{how(piece, name)}: a replica that lacks acknowledged messages may become leader, and they are gone",
            f"write {name}=false",
        )


def _cleanup(piece: Piece) -> Iterator[Finding]:
    policy = piece.text("cleanup.policy", "delete")
    if "compact" in policy and piece.text("remote.storage.enable") == "true":
        yield found(piece, "tiered", "cleanup.policy", "a compacted topic cannot be tiered", "drop one of the two")
    local, total = piece.number("local.retention.ms"), piece.number("retention.ms")
    if local is not None and total is not None and total >= 0 and local > total:
        yield found(
            piece,
            "tiered",
            "local.retention.ms",
            f"local.retention.ms={local:g} is above retention.ms={total:g}: Kafka refuses it",
            "lower it",
        )
    if piece.text("flush.messages") not in ("", str(2**63 - 1)):
        yield found(piece, "flush", "flush.messages", "flushing by count costs throughput and adds little: copies on "
                    "several brokers keep messages safe", "leave it out", "advice")  # fmt: skip


def kept_s(piece: Piece, peak_bytes_per_s: float | None) -> float:
    """Return how long a topic keeps a message (s): by time, and by size where its peak is known."""
    if piece.text("cleanup.policy") == "compact":
        return math.inf
    by_time = piece.number("retention.ms")
    kept = 604_800.0 if by_time is None else math.inf if by_time < 0 else by_time / 1000
    size, partitions = piece.number("retention.bytes"), piece.number("partitions")
    if size is not None and size >= 0 and partitions and peak_bytes_per_s:
        kept = min(kept, size * partitions / peak_bytes_per_s)
    return kept


def outlives(piece: Piece, away_s: float, peak_bytes_per_s: float | None = None) -> Iterator[Finding]:
    """Yield a finding where messages or tombstones are deleted before consumers that were away have read them."""
    kept = kept_s(piece, peak_bytes_per_s)
    if kept < SAFETY * away_s:
        by_time = piece.number("retention.ms")
        shorter = "retention.ms" if by_time is None or by_time / 1000 <= kept else "retention.bytes"
        text = (
            f"{how(piece, shorter)}: messages are kept for {format_duration(kept)}, and consumers may be away and "
            f"catching up for {format_duration(away_s)}: what they have not read is deleted"
        )
        fix = f"keep at least {format_duration(SAFETY * away_s)}, or shorten the outage"
        yield found(piece, "retention", shorter, text, fix)
    tombstones = piece.number("delete.retention.ms")
    if "compact" in piece.text("cleanup.policy") and (86_400_000 if tombstones is None else tombstones) < away_s * 1000:
        yield found(
            piece,
            "tombstones",
            "delete.retention.ms",
            "tombstones are removed before consumers that were away have read them: they keep what was deleted",
            f"write delete.retention.ms={math.ceil(away_s * 2000)}",
        )
