"""What must hold of a broker, in server.properties, Strimzi's `Kafka` or tfvars."""

from __future__ import annotations

from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import found, how, unseen
from loadkit.sizing.check.rules.topic import SAFETY, copies, unclean
from loadkit.units import format_duration

_INTERNAL = (
    ("offsets.topic.replication.factor", "consumers' offsets"),
    ("transaction.state.log.replication.factor", "the state of transactions"),
    ("share.coordinator.state.topic.replication.factor", "share groups' state"),
)
_IN_SYNC = (
    ("transaction.state.log.min.isr", "transaction.state.log.replication.factor"),
    ("share.coordinator.state.topic.min.isr", "share.coordinator.state.topic.replication.factor"),
)
_WEEK_MINUTES = 10_080.0
_BROKER_ONLY = ("process.roles", "controller.listener.names")


def broker(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a broker's settings."""
    if piece.text("process.roles").strip() == "controller":
        return
    yield from copies(piece, "default.replication.factor", "min.insync.replicas")
    yield from unclean(piece)
    yield from _internal(piece)
    yield from _data(piece)
    name = "auto.create.topics.enable"
    if not unseen(piece, name) and piece.text(name, "true").lower() != "false":
        yield found(piece, "auto-create", name, f"{how(piece, name)}" + ("" if name in piece.values else " and Kafka's "
                    "default is true") + ": a misspelt topic name makes a topic, and what is sent there nobody reads",
                    f"write {name}=false")  # fmt: skip
    largest, fetch = piece.number("message.max.bytes"), piece.number("replica.fetch.max.bytes")
    if largest is not None and largest > (1_048_576 * 1.01 if fetch is None else fetch):
        yield found(piece, "fetch-size", "replica.fetch.max.bytes", f"followers fetch less than message.max.bytes="
                    f"{largest:g} at once: large batches are copied one by one",
                    f"write replica.fetch.max.bytes={largest:g}", "advice")  # fmt: skip
    if (
        piece.dialect != "tfvars"
        and "broker.rack" not in piece.values
        and not any(path.startswith("spec.rack") for path in piece.values)
    ):
        yield found(
            piece,
            "rack",
            "broker.rack",
            "the broker's zone is not written: all copies of a partition may stand in one zone",
            "write broker.rack (Strimzi: rack.topologyKey), unless there is one zone",
            "advice",
        )


def _internal(piece: Piece) -> Iterator[Finding]:
    for name, what in _INTERNAL:
        value = piece.number(name)
        if value is not None and value < 3:
            yield found(
                piece,
                "internal-copies",
                name,
                f"{how(piece, name)}: {what} are lost with "
                f"{'one broker' if value < 2 else 'two'}, however safe the data is",
                f"write {name}=3",
            )
    for name, factor in _IN_SYNC:
        value, many = piece.number(name), piece.number(factor) or 3.0
        if value is not None and (value < 2 or value > many - 1):
            yield found(
                piece,
                "internal-copies",
                name,
                f"{how(piece, name)} with {many:g} copies: "
                + ("a commit may be on one broker alone" if value < 2 else "no restart without a stop"),
                f"write {name}=2",
            )
    limit = piece.number("transaction.max.timeout.ms")
    if limit is not None and limit > 900_000:
        yield found(
            piece,
            "transaction-timeout",
            "transaction.max.timeout.ms",
            f"a forgotten transaction may hold up all readers for {format_duration(limit / 1000)}",
            "leave it at 900000",
            "advice",
        )


def _data(piece: Piece) -> Iterator[Finding]:
    for name in ("log.dirs", "log.dir"):
        if any(part.strip().startswith(("/tmp", "/var/tmp")) for part in piece.text(name).split(",")):
            yield found(piece, "storage", name, f"{how(piece, name)}: the system empties that folder, and the broker "
                        "comes back without its data", "use a volume of its own")  # fmt: skip
    name = "log.flush.interval.messages"
    if name in piece.values and (piece.number(name) or 0) < 1_000_000:
        yield found(
            piece,
            "flush",
            name,
            f"{how(piece, name)}: flushing by count costs throughput and adds little: copies "
            "on several brokers keep messages safe",
            "leave it out",
            "advice",
        )
    lag = piece.number("replica.lag.time.max.ms")
    if lag is not None and lag < 10_000:
        yield found(
            piece,
            "replica-lag",
            "replica.lag.time.max.ms",
            f"{how(piece, 'replica.lag.time.max.ms')}: one long "
            "garbage collection throws followers out of the in-sync replicas",
            "leave it at 30000",
            "advice",
        )


def outlives(piece: Piece, away_s: float) -> Iterator[Finding]:
    """Yield a finding where offsets, or messages of topics that do not say so, go before consumers are back."""
    minutes = piece.number("offsets.retention.minutes")
    if (_WEEK_MINUTES if minutes is None else minutes) * 60 < away_s:
        yield found(
            piece,
            "offsets-retention",
            "offsets.retention.minutes",
            f"offsets are forgotten before a group that "
            f"is away for {format_duration(away_s)} is back: it starts where auto.offset.reset says",
            f"write offsets.retention.minutes={int(away_s // 30) + 1}",
        )
    scales = (("log.retention.ms", 1e-3), ("log.retention.minutes", 60.0), ("log.retention.hours", 3600.0))
    for name, scale in scales:
        value = piece.number(name)
        if value is not None:
            if 0 <= value * scale < SAFETY * away_s:
                yield found(
                    piece,
                    "retention",
                    name,
                    f"{how(piece, name)}: topics that do not say otherwise delete what "
                    f"consumers that are away for {format_duration(away_s)} have not read",
                    "raise it",
                )
            return


def pool(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a pool of Strimzi's nodes."""
    replicas, roles = (
        piece.number("replicas"),
        [one.text for path, one in piece.values.items() if path.startswith("roles")],
    )
    if replicas is not None and replicas < 3:
        what = "copies of the data" if "broker" in roles else "votes of a quorum"
        yield found(piece, "nodes", "replicas", f"replicas: {replicas:g}: fewer nodes than three {what}",
                    "use three or more")  # fmt: skip
