"""Client properties as users write them, turned into what librdkafka takes, or refused by name.

librdkafka accepts much that it does not mean: `batch.size=64KiB` becomes 64 bytes, a consumer takes `acks` and ignores
it, and of two spellings of one property the last wins. Here every name is known (`librdkafka_properties.json`, written
from what the library prints of itself), aliases fold to one spelling (Java's where there are two), and values are
checked. What is left, librdkafka judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loadkit import secrets
from loadkit.errors import UsageError, nearest
from loadkit.targets import property_rules, property_values
from loadkit.targets.java_names import HINTS, OWNED, TRANSLATED
from loadkit.targets.property_rules import cautions
from loadkit.targets.property_values import KNOWN, LIBRDKAFKA, servers

__all__ = ["KNOWN", "LIBRDKAFKA", "Layer", "Role", "canonical", "cautions", "consumer_defaults", "defaults",
           "effective", "normalise", "producer_defaults", "servers", "takes"]  # fmt: skip

Role = Literal["producer", "consumer", "share", "admin"]


@dataclass(frozen=True, slots=True)
class Layer:
    """Properties written in one place."""

    where: str
    """The place, as messages name it: `staging.toml: [client]`."""
    properties: Mapping[str, Any]
    shared: bool = False
    """Written for every client: each takes what its role has."""


_LETTER = {"producer": "P", "consumer": "C", "share": "C", "admin": "*"}
_LIBRDKAFKA_SPELLING = {
    "max.in.flight",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
}
"""Aliases whose other name is Java's, or the shorter one."""
_CANONICAL = {facts["alias"]: name for name, facts in KNOWN.items() if "alias" in facts}
_CANONICAL |= {KNOWN[name]["alias"]: KNOWN[name]["alias"] for name in _LIBRDKAFKA_SPELLING}
_CANONICAL["auto.commit.enable"] = "enable.auto.commit"


def producer_defaults() -> dict[str, str]:
    """Return what a producer gets unless the user says otherwise: safe, written out, and partitioning as Java does."""
    return {
        "acks": "all",
        "enable.idempotence": "true",
        "max.in.flight.requests.per.connection": "5",
        "partitioner": "murmur2_random",
        "linger.ms": "5",
        "compression.type": "none",
    }


def consumer_defaults() -> dict[str, str]:
    """Return what a consumer gets unless the user says otherwise.

    librdkafka stops fetching from a partition for `fetch.queue.backoff.ms` (1 s) whenever 100,000 messages wait in the
    client: a consumer catching up with six partitions of 100 B ended at 145,000/s so, and at 830,000/s with 10 ms.
    """
    return {
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "fetch.queue.backoff.ms": "10",
        "allow.auto.create.topics": "false",
    }


def defaults(role: Role) -> dict[str, str]:
    """Return the defaults of a role; none for share consumers and admin clients."""
    return {"producer": producer_defaults, "consumer": consumer_defaults}.get(role, dict)()


def canonical(name: str) -> str:
    """Return the one spelling used for a property: Java's where librdkafka knows two."""
    alias = str(KNOWN.get(name, {}).get("alias", name))
    return _CANONICAL.get(alias, alias)


def takes(role: Role, name: str) -> bool:
    """Return whether a client of this role has the property (in any spelling); false for an unknown name."""
    target = _librdkafka(name)
    return target in KNOWN and not _misplaced(role, target)


def _librdkafka(name: str) -> str:
    return TRANSLATED[name][0] if name in TRANSLATED else name


def normalise(
    config: Mapping[str, Any], where: str, role: Role | None, error: type[UsageError] = UsageError
) -> dict[str, str]:
    """Return the properties under their canonical names with values as librdkafka's text.

    `where` begins each message. `role` None takes what any client has. Values with a reference to a secret stay as they
    are, for `secrets.resolve`. Raises `error` for an unknown or misplaced name, two spellings of one property, or an
    impossible value.
    """
    result: dict[str, str] = {}
    written: dict[str, str] = {}
    for name, value in config.items():
        final, text = _one(name, value, where, role, error)
        if final in result:
            raise error(f"{where}: {written[final]} and {name} are the same property: keep one of them ({final})")
        result[final], written[final] = text, name
    return result


def _one(name: str, value: Any, where: str, role: Role | None, error: type[UsageError]) -> tuple[str, str]:
    target, convert = TRANSLATED.get(name, (name, None))
    if fault := _refusal(name, target, role):
        raise error(f"{where}: {fault}")
    final = canonical(target)
    if secrets.is_reference(value):
        return final, value
    try:
        return final, property_values.text(final, value if convert is None else convert(value))
    except (ValueError, TypeError) as problem:
        shown = "" if secrets.is_secret(name) else f" = {value!r}"
        raise error(f"{where}: {name}{shown}: {problem}") from None


def _refusal(name: str, target: str, role: Role | None) -> str:
    """Return why a property of this name cannot be set at all, or an empty string."""
    if name in HINTS:
        return f"{name} {HINTS[name]}"
    if name in OWNED:
        return f"{name} is loadkit's to set: {OWNED[name]}"
    if target not in KNOWN:
        return f"unknown property {name!r}{nearest(name, [*KNOWN, *TRANSLATED])}"
    if KNOWN[target]["type"] == "callback":
        return f"{name} takes a function, not a value: leave it out"
    fault = _misplaced(role, target) if role else ""
    return f"{name} {fault}" if fault else ""


def _misplaced(role: Role, name: str) -> str:
    facts = KNOWN[name]
    share = facts.get("share")
    if facts["role"] not in ("*", _LETTER[role]):
        owner = "producer" if facts["role"] == "P" else "consumer"
        elsewhere = _ELSEWHERE.get((role, name), f"move it to [{owner}] of the target file or to a class of that kind")
        return f"is a {owner}'s property, and this is the config of {_ARTICLE[role]}: {elsewhere}"
    if share is True and role == "consumer":
        return "is a share consumer's property in librdkafka: the nearest is poll_size of the class"
    if share is False and role == "share":
        return "is a property that share consumers do not have: leave it out"
    return ""


_ARTICLE = {"producer": "a producer", "consumer": "a consumer", "share": "a share consumer", "admin": "an admin client"}
_REQUESTS = "the nearest for this client is socket.timeout.ms"
_ELSEWHERE = {(role, "request.timeout.ms"): _REQUESTS for role in ("consumer", "share", "admin")}


def effective(role: Role, layers: Iterable[Layer], error: type[UsageError] = UsageError) -> dict[str, str]:
    """Return the whole config of one client: the role's defaults, each layer over the one before, checked together.

    Where `acks`, `retries` or in-flight requests were written such that idempotence cannot hold, the default
    `enable.idempotence=true` gives way and is written out as false (see `cautions`); written explicitly, the two are
    refused. References to secrets stay as they are.
    """
    merged, places = defaults(role), {}
    for layer in layers:
        config = {name: value for name, value in layer.properties.items() if not layer.shared or _meant(role, name)}
        for name, text in normalise(config, layer.where, role, error).items():
            merged[name], places[name] = text, layer.where
    property_rules.check_security(merged, places, error)
    if role == "producer":
        property_rules.settle_idempotence(merged, places, error)
        property_rules.check_delivery(merged, places, error)
    if role == "consumer":
        property_rules.settle_protocol(merged, places, error)
    return merged


def _meant(role: Role, name: str) -> bool:
    """Return whether a property written for every client concerns this one; unknown ones do, to be refused."""
    return takes(role, name) or _librdkafka(name) not in KNOWN
