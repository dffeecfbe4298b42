"""What must hold of a producer: nothing lost, doubled or reordered (ProducerConfig, librdkafka's CONFIGURATION.md)."""

from __future__ import annotations

from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import effective, found, how, unseen, whole

_MURMUR = ("murmur2_random", "murmur2")
_LONGEST_TRANSACTION_MS = 900_000
_LAG_MS = 30_000
_FEW = 10


def producer(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a producer's settings."""
    yield from _acks(piece)
    yield from _idempotence(piece)
    yield from _times(piece)
    yield from _partitioning(piece)
    yield from _transactions(piece)


def _default(piece: Piece, name: str) -> str:
    return "" if name in piece.values else f" and the default is {effective(piece, name)}"


def _acks(piece: Piece) -> Iterator[Finding]:
    if not unseen(piece, "acks") and effective(piece, "acks") not in ("all", "-1"):
        yield found(
            piece,
            "acks",
            "acks",
            f"{how(piece, 'acks')}: a message counts as sent before a second broker has "
            "it, and is lost when the first one fails",
            "write acks=all; with min.insync.replicas=2 on the topic",
        )


def _idempotence(piece: Piece) -> Iterator[Finding]:
    name = "enable.idempotence"
    if unseen(piece, name):
        return
    on = effective(piece, name).lower() in ("true", "1", "t")
    if not on:
        default = " and librdkafka's default is false" if name not in piece.values else ""
        yield found(piece, "idempotence", name, f"{how(piece, name)}{default}: a retry after a lost answer writes a "
                    "message twice, and can put it behind later ones", f"write {name}=true")  # fmt: skip
    elif name not in piece.values:
        yield found(piece, "idempotence", name, f"{name} is not written: Java's default is true, but it is dropped in "
                    "silence when acks, retries or in-flight requests conflict, and before Kafka 3.0 it was false",
                    f"write {name}=true: then a conflict is an error at the start")  # fmt: skip
    flight, most = "max.in.flight.requests.per.connection", whole(piece, "max.in.flight.requests.per.connection")
    adjusted = piece.client == "librdkafka" and on and flight not in piece.values  # librdkafka lowers its own default
    if most is not None and most > 5 and not adjusted:
        start = "; the client does not start with idempotence" if on else ""
        text = (
            f"{how(piece, flight)}{_default(piece, flight)}: with more than 5 requests in the air brokers cannot keep "
        )
        yield found(piece, "in-flight", flight, f"{text}order or see repeats{start}", f"write {flight}=5")
    retries = whole(piece, "retries")
    if retries == 0:
        yield found(
            piece,
            "retries",
            "retries",
            "retries=0: every passing fault, such as a change of leader, loses the "
            "message unless the application sends it again",
            "leave it out: delivery.timeout.ms bounds the time",
        )
    elif retries is not None and retries < _FEW:
        yield found(
            piece,
            "retries",
            "retries",
            f"{how(piece, 'retries')}: a count is used up within a second or two of a change of leader",
            "leave it out: delivery.timeout.ms bounds the time",
            "advice",
        )


def _times(piece: Piece) -> Iterator[Finding]:
    delivery, linger, request = (
        whole(piece, f"{name}.ms") for name in ("delivery.timeout", "linger", "request.timeout")
    )
    endless = piece.client == "librdkafka" and delivery == 0
    if delivery is not None and linger is not None and request is not None and not endless:  # noqa: SIM102
        if delivery < linger + request:
            name = next(
                (one for one in ("delivery.timeout.ms", "request.timeout.ms", "linger.ms") if one in piece.values),
                "delivery.timeout.ms",
            )
            yield found(
                piece,
                "delivery-timeout",
                name,
                f"delivery.timeout.ms={delivery:g} leaves no room for linger.ms="
                f"{linger:g} and one request of request.timeout.ms={request:g}: Java refuses it, and elsewhere "
                "messages fail without having been tried",
                "raise delivery.timeout.ms to their sum or more",
            )
    if request is not None and request <= _LAG_MS:
        yield found(
            piece,
            "request-timeout",
            "request.timeout.ms",
            f"request.timeout.ms is {request:g}, no more than the "
            f"brokers' replica.lag.time.max.ms ({_LAG_MS}): a slow follower makes producers send again what is "
            "already being written",
            "write request.timeout.ms=45000",
            "advice",
        )
    if piece.text("max.block.ms") == "0":
        yield found(
            piece,
            "max-block",
            "max.block.ms",
            "max.block.ms=0: send() fails at once whenever metadata or room in the buffer is missing",
            "leave it at 60000, or be ready to send again",
            "advice",
        )


def _partitioning(piece: Piece) -> Iterator[Finding]:
    if piece.client == "librdkafka":
        name = effective(piece, "partitioner")
        if name not in _MURMUR and not unseen(piece, "partitioner"):
            yield found(
                piece,
                "partitioner",
                "partitioner",
                f"the partitioner is {name}: the same key goes to another "
                "partition than Java's clients send it to, so its messages lose their order",
                "write partitioner=murmur2_random; on a topic that is already written so, drain it first",
            )
        return
    if piece.text("partitioner.ignore.keys").lower() == "true":
        yield found(
            piece,
            "partitioner",
            "partitioner.ignore.keys",
            "partitioner.ignore.keys=true: messages of one key go to any partition, so they lose their order",
            "write partitioner.ignore.keys=false",
        )
    own = piece.text("partitioner.class")
    if own.endswith(("RoundRobinPartitioner", "UniformStickyPartitioner")):
        yield found(
            piece,
            "partitioner",
            "partitioner.class",
            f"{own.rsplit('.', 1)[-1]} takes no notice of keys: messages of one key lose their order",
            "leave partitioner.class out",
        )
    elif own and not own.endswith("DefaultPartitioner"):
        yield found(
            piece,
            "partitioner",
            "partitioner.class",
            f"{own} is your own: whether other clients send a key to the same partition is not known",
            "see that every client of the topic uses it",
            "unjudged",
        )


def _transactions(piece: Piece) -> Iterator[Finding]:
    timeout = whole(piece, "transaction.timeout.ms")
    if ("transactional.id" not in piece.values and "transaction.timeout.ms" not in piece.values) or timeout is None:
        return
    name = "transaction.timeout.ms"
    if timeout > _LONGEST_TRANSACTION_MS:
        yield found(
            piece,
            "transaction-timeout",
            name,
            f"{how(piece, name)}: more than the brokers allow "
            f"(transaction.max.timeout.ms, {_LONGEST_TRANSACTION_MS} by default): the producer does not start",
            f"lower it to {_LONGEST_TRANSACTION_MS} or less",
        )
    delivery = piece.number("delivery.timeout.ms")
    if piece.client == "librdkafka" and "transactional.id" in piece.values and delivery and delivery > timeout:
        yield found(
            piece,
            "transaction-timeout",
            name,
            f"delivery.timeout.ms={delivery:g} is above {name}={timeout:g}: librdkafka refuses it",
            f"raise {name} to {delivery:g} or more",
        )
