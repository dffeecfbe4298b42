"""Strimzi's resources: `Kafka`, `KafkaNodePool`, `KafkaTopic`."""

from __future__ import annotations

from typing import Any

from loadkit.sizing.check.model import Finding, Piece, Read, Value
from loadkit.sizing.check.reading.mapped import flat, part, plain
from loadkit.sizing.check.reading.values import judge

_VERSIONS = ("kafka.strimzi.io/v1", "kafka.strimzi.io/v1beta2", "kafka.strimzi.io/v1beta1", "kafka.strimzi.io/v1alpha1")
KINDS = ("Kafka", "KafkaNodePool", "KafkaTopic")


def read(file: str, document: Any) -> Read:
    """Return the piece of one resource; numbers and names outside of `config` stand under their dotted path."""
    found = _resource(file, document)
    version = str(document.get("apiVersion", ""))
    if version in _VERSIONS:
        return found
    line, fix = document.lines.get("apiVersion", document.line), f"write {_VERSIONS[0]}"
    said = Finding("value", "unsafe", file, line, "apiVersion", f"apiVersion {version} is none of Strimzi's", fix)
    return Read(found.pieces, (*found.findings, said))


def _resource(file: str, document: Any) -> Read:
    kind, spec = document["kind"], part(document, "spec")
    if kind == "KafkaTopic":
        return _topic(file, document, spec)
    if kind == "KafkaNodePool":
        piece = Piece("pool", file, "strimzi", "", _name(document), _values(spec), document.line)
        return Read((piece,), tuple(_storage(piece)))
    kafka = part(spec, "kafka")
    config = _config(kafka)
    others = {f"spec.{path}": value for path, value in _values(kafka).items() if not path.startswith("config.")}
    others["api"] = Value(str(document.get("apiVersion", "")), document.lines.get("apiVersion", document.line))
    piece = Piece("broker", file, "strimzi", "", _name(document), {**config, **others}, document.line)
    judged = Piece("broker", file, "strimzi", "", "", config, document.line)
    return Read((piece,), (*judge(judged), *_storage(piece)))


def _topic(file: str, document: Any, spec: Any) -> Read:
    config = _config(spec)
    lines = getattr(spec, "lines", {})
    values = dict(config)
    for key, name in (("partitions", "partitions"), ("replicas", "replication.factor")):
        if key in spec:
            values[name] = Value(str(spec[key]), lines[key])
    name = str(spec.get("topicName") or _name(document))
    judged = Piece("topic", file, "strimzi", "", name, config, document.line)
    return Read((Piece("topic", file, "strimzi", "", name, values, document.line),), tuple(judge(judged)))


def _storage(piece: Piece) -> list[Finding]:
    return [
        Finding(
            "storage",
            "unsafe",
            piece.file,
            value.line,
            path,
            "ephemeral storage: a pod that moves comes back empty, and all its copies are gone",
            "use type: persistent-claim",
        )
        for path, value in piece.values.items()
        if path.endswith("type") and value.text == "ephemeral"
    ]


def _config(owner: Any) -> dict[str, Value]:
    config = part(owner, "config")
    return {name: Value(plain(value), config.lines[name]) for name, value in config.items()}


def _values(owner: Any) -> dict[str, Value]:
    return dict(flat(owner))


def _name(document: Any) -> str:
    return str(part(document, "metadata").get("name", ""))
