"""What must hold of a consumer: nothing skipped, nothing counted as done before it is (ConsumerConfig)."""

from __future__ import annotations

from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import effective, found, how, unseen, whole

_LOUD = ("earliest", "none")


def consumer(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a consumer's settings."""
    yield from _offsets(piece)
    yield from _membership(piece)
    name = "isolation.level"
    if not unseen(piece, name) and effective(piece, name) != "read_committed":
        yield found(
            piece,
            "isolation",
            name,
            f"{how(piece, name)}: messages of aborted transactions are read as if they "
            "were true, as soon as any producer of the topic uses transactions",
            f"write {name}=read_committed; it costs nothing without transactions",
            "advice",
        )
    elif name not in piece.values:
        yield found(piece, "isolation", name, f"{name} is not written, and the defaults of Java and librdkafka differ",
                    f"write {name}=read_committed", "advice")  # fmt: skip


def _offsets(piece: Piece) -> Iterator[Finding]:
    name = "enable.auto.commit"
    if not unseen(piece, name) and effective(piece, name).lower() not in ("false", "0", "f"):
        stored = piece.client == "librdkafka" and piece.text("enable.auto.offset.store").lower() == "false"
        when = (
            "librdkafka commits what it has handed over"
            if piece.client == "librdkafka"
            else "Java commits what an earlier poll() returned"
        )
        if not stored:
            yield found(piece, "auto-commit", name, f"{how(piece, name)}, so it is on: {when}, processed or not, and a "
                        "crash skips what was not", f"write {name}=false and commit after processing")  # fmt: skip
    name = "auto.offset.reset"
    reset = effective(piece, name)
    if not unseen(piece, name) and reset not in _LOUD and not reset.startswith("by_duration"):
        yield found(
            piece,
            "offset-reset",
            name,
            f"{how(piece, name)}: where there is no offset (a new partition, one that "
            "expired) reading begins at the newest message, and what came before is skipped in silence",
            f"write {name}=earliest, or none to hear of it",
        )


def _membership(piece: Piece) -> Iterator[Finding]:
    if effective(piece, "group.protocol").lower() == "consumer":
        return
    session, heartbeat = whole(piece, "session.timeout.ms"), whole(piece, "heartbeat.interval.ms")
    if session is not None and heartbeat is not None and heartbeat * 3 > session:
        name = "heartbeat.interval.ms" if "heartbeat.interval.ms" in piece.values else "session.timeout.ms"
        yield found(piece, "heartbeat", name, f"heartbeat.interval.ms={heartbeat:g} is more than a third of "
                    f"session.timeout.ms={session:g}: one late heartbeat and the member loses its partitions",
                    f"write heartbeat.interval.ms={int(session // 3)} or less")  # fmt: skip
    poll = whole(piece, "max.poll.interval.ms")
    if poll is not None and session is not None and poll < session:
        yield found(piece, "poll-interval", "max.poll.interval.ms", f"max.poll.interval.ms={poll:g} is below "
                    f"session.timeout.ms={session:g}: librdkafka refuses it, and slow members are thrown out",
                    "raise it above twice the worst time of one poll's messages")  # fmt: skip
    strategy = "partition.assignment.strategy"
    if "ooperative" not in effective(piece, strategy) or effective(piece, strategy).count(",") > 0:
        yield found(
            piece,
            "assignor",
            strategy,
            f"{how(piece, strategy)}: at each rebalance every consumer may stop",
            "use cooperative-sticky (CooperativeStickyAssignor), by two rolling restarts",
            "advice",
        )
    if "group.id" not in piece.values:
        yield found(piece, "group", "group.id", "group.id is not written here", "the application must set it",
                    "unjudged")  # fmt: skip
