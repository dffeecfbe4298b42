"""What a cluster's refusal means and what to do about it, by the name of librdkafka's or Kafka's error code. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from loadkit.errors import TargetError, TopicError
from loadkit.secrets import MASK

UNREACHABLE = frozenset(
    {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE", "REQUEST_TIMED_OUT", "_TIMED_OUT_QUEUE"}
)
"""Codes that say no more than that nobody answered."""
DENIED_ENTRY = frozenset(
    {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL", "ILLEGAL_SASL_STATE", "UNSUPPORTED_SASL_MECHANISM"}
)
"""Codes after which waiting longer is of no use, but see `denies`."""
_LOST = ("Local: Broker transport failure", "Local: Timed out")

_LOGIN = "authentication failed: check sasl.mechanism, sasl.username and sasl.password of [client] ({text})"
_TLS = (
    "TLS failed: check security.protocol (a PLAINTEXT listener ends the handshake), ssl.ca.location and that the "
    "certificate names this host ({text})"
)
_IDEMPOTENT = (
    "not authorised to write idempotently: grant Write on topics, best by a prefix ACL on topics.prefix "
    "(and, before Kafka 2.8, IdempotentWrite on the cluster)"
)
_TOPIC = "not authorised for topic {subject!r}: grant {operation} on it, best by a prefix ACL on topics.prefix"
_GROUP = (
    "not authorised for group {subject!r}: grant Read, Describe and Delete on it, best by a prefix ACL on topics.prefix"
)

_TEXTS: Mapping[str, str] = {
    "_AUTHENTICATION": _LOGIN,
    "SASL_AUTHENTICATION_FAILED": _LOGIN,
    "UNSUPPORTED_SASL_MECHANISM": "the broker does not offer this sasl.mechanism: ask which it does",
    "ILLEGAL_SASL_STATE": "the broker did not expect this login: check security.protocol of [client] ({text})",
    "_SSL": _TLS,
    "TOPIC_AUTHORIZATION_FAILED": _TOPIC,
    "GROUP_AUTHORIZATION_FAILED": _GROUP,
    "CLUSTER_AUTHORIZATION_FAILED": "not authorised for the cluster: grant Describe and DescribeConfigs "
    "(and, before Kafka 2.8, IdempotentWrite) on it, and {operation} on topics with loadkit's prefix",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "not authorised for transactional id {subject!r}: grant Write and "
    "Describe on it, best by a prefix ACL on topics.prefix",
    "TOPIC_ALREADY_EXISTS": "topic {subject!r} exists and was not made by this run, so it is left alone: to use it "
    "as it is, say Topic(..., existing=True) and list it in topics.allow_existing",
    "UNKNOWN_TOPIC_OR_PART": "topic {subject!r} does not exist, or this user may not see it: "
    "create it, or drop existing=True",
    "TOPIC_EXCEPTION": "{subject!r} is not a name this cluster takes, or it differs from another one "
    "in '.' and '_' only",
    "INVALID_REPLICATION_FACTOR": "replication factor {replication_factor} is not possible on {brokers} brokers: "
    "lower topics.replication_factor of the target",
    "INVALID_PARTITIONS": "{partitions} partitions are not possible here: lower partitions of the topic",
    "INVALID_CONFIG": "the cluster refuses a topic property: {text}",
    "POLICY_VIOLATION": "a policy of the cluster refuses it: {text}",
    "MSG_SIZE_TOO_LARGE": "a message is larger than the cluster takes: raise max.message.bytes of the topic "
    "(and message.max.bytes of [producer]), or send smaller ones",
    "INVALID_REQUEST": "the cluster refuses it: {text}",
    "THROTTLING_QUOTA_EXCEEDED": "a quota of the cluster holds it back: make fewer topics and partitions, or raise "
    "controller_mutation_rate",
    "NON_EMPTY_GROUP": "group {subject!r} still has members: end the run that uses it first",
}
_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("Must supply an unexpired token", "the token that was issued is over already: look at the lifetime of the "
     "issuer's tokens, and at its clock and this machine's"),
    ("Failed to acquire SASL OAUTHBEARER token", "no token was issued: check sasl.oauthbearer.token.endpoint.url, "
     "sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret of [client] ({text})"),
    ("invalid_token", "the brokers refuse the token: look at its issuer, audience and lifetime, and at the brokers' "
     "sasl.oauthbearer.* settings ({text})"),
)  # fmt: skip
"""What a failed login means by words of the library's own text."""
_TOPICAL = frozenset({
    "TOPIC_AUTHORIZATION_FAILED", "TOPIC_ALREADY_EXISTS", "UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION",
    "INVALID_PARTITIONS", "INVALID_REPLICATION_FACTOR", "INVALID_CONFIG", "POLICY_VIOLATION", "MSG_SIZE_TOO_LARGE",
})  # fmt: skip


def denies(name: str, text: str) -> bool:
    """Return whether an error says that a login or TLS failed for good.

    A connection that is lost in the middle of a login, as when a session ends on a busy broker, bears the same code.
    """
    return name in DENIED_ENTRY and not any(words in text for words in _LOST)


def explain(name: str, text: str, doing: str, subject: str = "", **facts: object) -> TargetError:
    """Return the error for a refusal: `doing` begins the sentence, then what it means and what to do.

    `name` is the code's (`TOPIC_ALREADY_EXISTS`), `text` the library's own words, `subject` a topic, group or address.
    """
    text = _AFTER.sub("", text)
    if name in UNREACHABLE:
        who = subject if ":" in subject else "the cluster"  # it is an address that answers, never a topic
        meaning = f"no answer from {who} in time ({text}): {_REACH}"
    else:
        known = {"operation": "Create, Describe, Read, Write and Delete", "replication_factor": "this",
                 "brokers": "these", "partitions": "so many", **facts, "subject": subject, "text": text}  # fmt: skip
        meaning = _meaning(name, text, doing).format_map(known)
    made = (TopicError if name in _TOPICAL else TargetError)(MASK.text(f"{doing}: {meaning}"))
    made.code = name
    return made


def _meaning(name: str, text: str, doing: str) -> str:
    if name == "CLUSTER_AUTHORIZATION_FAILED" and doing.startswith("producer"):
        return _IDEMPOTENT
    if name == "_AUTHENTICATION":
        return next((meaning for words, meaning in _BY_WORDS if words in text), _LOGIN)
    return _TEXTS.get(name, "{text}")


_AFTER = re.compile(r" \(after \d+ms in state \w+(, \d+ identical error\(s\) suppressed)?\)")
_REACH = "check bootstrap.servers, the network, and that the listener's security.protocol is the one of [client]"
