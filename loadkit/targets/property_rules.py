"""What one client's properties must not say together, and what they say that their author may not expect.

Each rule takes the merged config, and for each property that was written its place, for the message.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from loadkit import secrets
from loadkit.errors import UsageError
from loadkit.targets import tokens
from loadkit.targets.property_values import KNOWN

_IDEMPOTENCE: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "acks": (lambda value: value == "all", "all"),
    "max.in.flight.requests.per.connection": (lambda value: int(value) <= 5, "5 or fewer"),
    "retries": (lambda value: value != "0", "1 or more"),
    "queuing.strategy": (lambda value: value == "fifo", "fifo"),
}
"""What an idempotent producer needs: whether a value will do, and which ones do."""


def settle_idempotence(config: dict[str, str], places: Mapping[str, str], error: type[UsageError]) -> None:
    broken = [name for name, (fits, _) in _IDEMPOTENCE.items() if _plain(config, name) and not fits(config[name])]
    if not broken or config["enable.idempotence"] != "true":
        return
    name = broken[0]
    if "enable.idempotence" in places:
        raise error(
            f"{places[name]}: {name} = {config[name]} cannot work with enable.idempotence = true "
            f"({places['enable.idempotence']}): it needs {name} = {_IDEMPOTENCE[name][1]}; "
            "write enable.idempotence = false to measure without"
        )
    config["enable.idempotence"] = "false"


def _plain(config: Mapping[str, str], name: str) -> bool:
    return name in config and not secrets.is_reference(config[name])


def check_delivery(config: Mapping[str, str], places: Mapping[str, str], error: type[UsageError]) -> None:
    """Refuse a delivery timeout with no room for lingering and one request, as Java's producer does; 0 is no limit."""
    names = ("delivery.timeout.ms", "linger.ms", "request.timeout.ms")
    texts = [config.get(name, KNOWN[name]["default"]) for name in names]
    if names[0] not in places or texts[0] == "0" or any(secrets.is_reference(text) for text in texts):
        return
    delivery, linger, request = (float(text) for text in texts)
    if delivery < linger + request:
        raise error(
            f"{places[names[0]]}: delivery.timeout.ms = {texts[0]} is less than linger.ms + request.timeout.ms "
            f"({texts[1]} + {texts[2]}): raise it, or lower request.timeout.ms"
        )


def check_security(config: Mapping[str, str], places: Mapping[str, str], error: type[UsageError]) -> None:
    """Refuse security settings that librdkafka would ignore: it would connect in the clear without a word."""
    protocol = config.get("security.protocol", "plaintext")
    if secrets.is_reference(protocol):
        return
    for name in config:
        if name.startswith("sasl.") and not protocol.startswith("sasl_"):
            raise error(f"{places[name]}: {name} is ignored with security.protocol = {protocol}: set SASL_SSL")
        if name.startswith("ssl.") and not protocol.endswith("ssl"):
            wanted = "SASL_SSL" if protocol.startswith("sasl_") else "SSL"
            raise error(f"{places[name]}: {name} is ignored with security.protocol = {protocol}: set {wanted}")
    mechanism = config.get("sasl.mechanism", "GSSAPI")
    if protocol.startswith("sasl_") and (mechanism == "PLAIN" or mechanism.startswith("SCRAM")):
        for name in ("sasl.username", "sasl.password"):
            if name not in config:
                raise error(f"{places['security.protocol']}: sasl.mechanism = {mechanism} needs {name}")
    if protocol.startswith("sasl_") and mechanism == "OAUTHBEARER":
        _check_tokens(config, places["security.protocol"], error)
    if mechanism == "GSSAPI" and "sasl.password" in config:
        raise error(f"{places['sasl.password']}: sasl.mechanism is missing: name PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")


def _check_tokens(config: Mapping[str, str], place: str, error: type[UsageError]) -> None:
    """Refuse a login by token where nobody gives one: librdkafka would wait for it without a word."""
    if config.get("sasl.oauthbearer.method", "default") == "default":
        given = tokens.region(config) or secrets.is_reference(config.get("bootstrap.servers", ""))
        if not given and config.get("enable.sasl.oauthbearer.unsecure.jwt") != "true":
            raise error(
                f"{place}: sasl.mechanism = OAUTHBEARER says nothing of where tokens come from: set "
                "sasl.oauthbearer.method = oidc, sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and "
                "sasl.oauthbearer.client.secret"
            )
    elif (
        "sasl.oauthbearer.token.endpoint.url" not in config
        and config.get("sasl.oauthbearer.metadata.authentication.type", "none") == "none"
    ):
        raise error(f"{place}: sasl.oauthbearer.method = oidc needs sasl.oauthbearer.token.endpoint.url")


_CLASSIC = ("partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type")


def settle_protocol(config: dict[str, str], places: Mapping[str, str], error: type[UsageError]) -> None:
    """Keep the classic protocol's settings out of the new one, where the broker decides them; check them otherwise."""
    if config.get("group.protocol") == "consumer":
        for name in _CLASSIC:
            if name in places:
                raise error(
                    f"{places[name]}: {name} cannot work with group.protocol = consumer, where it is set on the broker"
                    + (": use group.remote.assignor" if name == _CLASSIC[0] else "")
                )
            config.pop(name, None)
    session, heartbeat = (config.get(name, KNOWN[name]["default"]) for name in _CLASSIC[1:3])
    if "$" not in session + heartbeat and int(heartbeat) >= int(session):
        place = places.get("session.timeout.ms", places.get("heartbeat.interval.ms", ""))
        raise error(f"{place}: heartbeat.interval.ms = {heartbeat} must be well below session.timeout.ms = {session}")


def unsafe(config: Mapping[str, str]) -> str | None:
    """Return why messages may be lost, doubled or reordered with an effective producer config; None: they are not."""
    acks, idempotence = config.get("acks", "all"), config.get("enable.idempotence", "false")
    if acks == "all" and idempotence == "true":
        return None
    return (
        f"acks={acks} with enable.idempotence={idempotence} can lose, double or reorder messages: "
        "fine to measure, never recommended"
    )


CAPS = ("batch.size", "batch.num.messages", "message.max.bytes")
"""What ends a batch, whichever comes first."""


def capped(config: Mapping[str, str], message_bytes: int = 100) -> list[str]:
    """Return what keeps the batches of an effective producer config below the `batch.size` written in it.

    `message_bytes` is the size of a usual message, for the cap that `batch.num.messages` is.
    """
    if CAPS[0] not in config:
        return []
    found = []
    batch, messages, largest = (int(config.get(name, KNOWN[name]["default"])) for name in CAPS)
    if messages * message_bytes < batch:
        found.append(
            f"batch.num.messages={messages} ends batches of {message_bytes} B messages at {messages * message_bytes} "
            f"bytes, before batch.size={batch}: raise batch.num.messages to {math.ceil(batch / message_bytes)}"
        )
    if largest < batch:
        found.append(
            f"message.max.bytes={largest} ends batches before batch.size={batch}: raise message.max.bytes "
            "and the topic's max.message.bytes"
        )
    return found


def cautions(config: Mapping[str, str], message_bytes: int = 100) -> list[str]:
    """Return what an effective producer config does that its author may not expect: unsafe, or batches cut short."""
    risk = unsafe(config)
    return [*([risk] if risk else []), *capped(config, message_bytes)]
