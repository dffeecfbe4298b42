"""What must hold of files together, and what those that are there do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadkit.sizing.check.model import Finding, Kind, Piece
from loadkit.sizing.check.rules.say import effective, found, how, whole

_UNTOLD: dict[Kind, tuple[Kind, str, str]] = {
    "producer": (
        "topic",
        "whether acks=all means two brokers (replication.factor, min.insync.replicas), and whether "
        "messages fit the topic",
        "give the topic's commands or resource too",
    ),
    "consumer": (
        "topic",
        "whether messages are kept for as long as consumers may be away",
        "give the topic's commands or resource too, and --outage",
    ),
    "topic": (
        "producer",
        "whether producers wait for those copies (acks=all, idempotence)",
        "give the producers' settings too",
    ),
    "broker": ("topic", "what topics say over the brokers' defaults", "give the topics' commands or resources too"),
}


def together(pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield what files say against one another."""
    yield from _sizes(pieces)
    yield from _transactions(pieces)
    yield from _lag(pieces)
    yield from _nodes(pieces)


def untold(pieces: Sequence[Piece], outage: bool) -> Iterator[Finding]:
    """Yield what cannot be judged from these files alone."""
    kinds = {piece.kind for piece in pieces}
    for kind, (needed, what, fix) in _UNTOLD.items():
        if kind in kinds and needed not in kinds:
            first = next(piece for piece in pieces if piece.kind == kind)
            yield Finding(
                "untold", "unjudged", first.file, 0, "", f"not judged without a {needed}'s settings: {what}", fix
            )
    if not outage and kinds & {"topic", "broker"}:
        first = next(piece for piece in pieces if piece.kind in ("topic", "broker"))
        yield Finding(
            "untold",
            "unjudged",
            first.file,
            0,
            "",
            "not judged without the longest outage of consumers: whether retention covers it",
            "say it: --outage 8h",
        )


def _of(pieces: Sequence[Piece], kind: Kind) -> list[Piece]:
    return [piece for piece in pieces if piece.kind == kind]


def _sizes(pieces: Sequence[Piece]) -> Iterator[Finding]:
    """Yield sizes that topics refuse; which topics a client uses is not known, so only what fits none is unsafe."""
    topics = [piece for piece in _of(pieces, "topic") if piece.number("max.message.bytes") is not None]
    for piece in _of(pieces, "producer") if topics else []:
        yield from larger(piece, topics)
    for piece in _of(pieces, "consumer") if topics else []:
        yield from smaller(piece, topics)


def _sized(topics: Sequence[Piece]) -> list[tuple[float, str]]:
    """Return max.message.bytes of topics with their names, from the smallest."""
    return sorted((topic.number("max.message.bytes") or 0.0, topic.name or topic.file) for topic in topics)


def larger(piece: Piece, topics: Sequence[Piece]) -> Iterator[Finding]:
    """Yield sizes of a producer that some of the topics refuse: unsafe where all do."""
    sizes = _sized(topics)
    for name in ("max.request.size", "batch.size"):
        value = piece.number(name)
        if value is not None and value > sizes[0][0]:
            text = f"{how(piece, name)} is above max.message.bytes={sizes[0][0]:.0f} of {sizes[0][1]}, which refuses it"
            fix = f"lower it to {sizes[0][0]:.0f}, or raise max.message.bytes of the topic"
            yield found(piece, "message-size", name, text, fix, "unsafe" if value > sizes[-1][0] else "advice")


def smaller(piece: Piece, topics: Sequence[Piece]) -> Iterator[Finding]:
    """Yield sizes of a consumer below the largest batch of some of the topics: unsafe where of all."""
    sizes = _sized(topics)
    for name in ("max.partition.fetch.bytes", "fetch.max.bytes"):
        size = whole(piece, name)
        if size is not None and size < sizes[-1][0]:
            text = (
                f"{name}={size:.0f} is below max.message.bytes={sizes[-1][0]:.0f} of {sizes[-1][1]}: large batches are "
                "fetched one by one, and old clients stop"
            )
            fix = f"write {name}={sizes[-1][0]:.0f} or more"
            yield found(piece, "fetch-size", name, text, fix, "unsafe" if size < sizes[0][0] else "advice")


def _transactions(pieces: Sequence[Piece]) -> Iterator[Finding]:
    producers = [piece for piece in _of(pieces, "producer") if "transactional.id" in piece.values]
    if not producers:
        return
    for piece in _of(pieces, "consumer"):
        if effective(piece, "isolation.level") == "read_uncommitted":
            yield found(
                piece,
                "isolation",
                "isolation.level",
                f"{how(piece, 'isolation.level')} and {producers[0].file} "
                "uses transactions: messages of aborted ones are read as if they were true",
                "write isolation.level=read_committed",
            )
    limits = [limit for piece in _of(pieces, "broker") if (limit := piece.number("transaction.max.timeout.ms"))]
    for piece in producers:
        timeout = whole(piece, "transaction.timeout.ms")
        if limits and timeout is not None and timeout > min(limits):
            yield found(
                piece,
                "transaction-timeout",
                "transaction.timeout.ms",
                f"{timeout:g} ms is more than the brokers "
                f"allow (transaction.max.timeout.ms={min(limits):g}): the producer does not start",
                "lower it",
            )


def _lag(pieces: Sequence[Piece]) -> Iterator[Finding]:
    lags = [lag for piece in _of(pieces, "broker") if (lag := piece.number("replica.lag.time.max.ms"))]
    for piece in _of(pieces, "producer"):
        request = whole(piece, "request.timeout.ms")
        if lags and request is not None and 30_000 < request <= max(lags):
            yield found(
                piece,
                "request-timeout",
                "request.timeout.ms",
                f"request.timeout.ms={request:g} is no more than "
                f"replica.lag.time.max.ms={max(lags):g} of the brokers: a slow follower makes producers send "
                "again what is already being written",
                "raise it above that",
                "advice",
            )


def _nodes(pieces: Sequence[Piece]) -> Iterator[Finding]:
    pools = [piece for piece in _of(pieces, "pool") if any(one.text == "broker" for one in piece.values.values())]
    nodes = sum(piece.number("replicas") or 0 for piece in pools)
    machines = [piece for piece in _of(pieces, "variables") if piece.text("count_unit") in ("", "broker")]
    counts = [count for piece in machines if (count := piece.number("broker_count"))]
    most = nodes or max(counts, default=0)
    for piece in _of(pieces, "topic"):
        factor = piece.number("replication.factor")
        if most and factor is not None and factor > most:
            yield found(
                piece,
                "copies",
                "replication.factor",
                f"{factor:g} copies on {most:g} brokers: the topic cannot be made",
                "add brokers",
            )
