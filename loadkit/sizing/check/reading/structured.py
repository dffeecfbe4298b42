"""JSON and YAML (several documents too): client settings, Strimzi's resources, Cruise Control, Prometheus, Grafana."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import yaml

from loadkit.sizing.check.model import Finding, Kind, Piece, Read
from loadkit.sizing.check.reading import strimzi
from loadkit.sizing.check.reading.mapped import Mapped, flat, part, plain
from loadkit.sizing.check.reading.properties import left_out
from loadkit.sizing.check.reading.roles import Entry, clients


class Unreadable(ValueError):
    """The text is no JSON or YAML; the message says where."""


_WHOLE: Mapping[str, tuple[Kind, str]] = {
    "brokerCapacities": ("capacity", "cruise_control"),
    "panels": ("dashboard", "grafana"),
    "rule_files": ("other", "promtool"),
}
"""A key that tells what a document is, with its kind and dialect."""


_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FASTEST):  # type: ignore[misc]
    """YAML whose mappings remember the line of each key, and which refuses a key twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Mapped:
    loader.flatten_mapping(node)
    made = Mapped()
    made.lines, made.line = {}, node.start_mark.line + 1
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise Unreadable(f"line {key_node.start_mark.line + 1}: a key must be text")
        name = str(key).lower() if isinstance(key, bool) else str(key)
        if name in made:
            raise Unreadable(f"line {key_node.start_mark.line + 1}: {name} is written twice: keep one of them")
        made[name] = loader.construct_object(value_node, deep=True)
        made.lines[name] = key_node.start_mark.line + 1
    return made


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(file: str, text: str) -> Read | None:
    """Return the pieces of a JSON or YAML text; None where it holds nothing of ours. Raises Unreadable."""
    pieces, findings = list[Piece](), list[Finding]()
    known = False
    for document in documents(text):
        found = _document(file, document, text)
        if found is not None:
            known = True
            pieces += found.pieces
            findings += found.findings
    return Read(tuple(pieces), tuple(findings)) if known else None


def documents(text: str) -> list[Any]:
    """Return the documents of a text; JSON is read as the YAML it also is, after it was read as JSON."""
    try:
        if text.lstrip()[:1] in ("{", "["):
            return _json(text)
        return [document for document in yaml.load_all(text, _Loader) if document is not None]
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: {error.msg}") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise Unreadable(f"{where}{getattr(error, 'problem', None) or error}") from None


def _json(text: str) -> list[Any]:
    """Return the one document of a JSON text: with the lines of its keys where YAML can read it too."""
    plain = json.loads(text, object_pairs_hook=_object)
    try:
        return [next(yaml.load_all(text, _Loader))]
    except (yaml.YAMLError, StopIteration):  # tabs, or escapes of signs beyond 16 bits
        return [plain]


def _object(pairs: list[tuple[str, Any]]) -> Mapped:
    made = Mapped(pairs)
    made.lines, made.line = dict.fromkeys(made, 1), 1
    if len(made) < len(pairs):
        raise Unreadable("a key is written twice in one object: keep one of them")
    return made


def _document(file: str, document: Any, text: str) -> Read | None:
    if not isinstance(document, Mapped):
        return None
    if "kind" in document and "apiVersion" in document:
        return _resource(file, document, text)
    if isinstance(document.get("groups"), list):
        return _alerts(file, document)
    for key, (kind, dialect) in _WHOLE.items():
        if key in document:
            return Read((Piece(kind, file, dialect, values=dict(flat(document)), line=1),))
    return _settings(file, document, text)


def _resource(file: str, document: Mapped, text: str) -> Read | None:
    """Return what a resource of Kubernetes holds; None where it is none of ours."""
    if document["kind"] in strimzi.KINDS:
        return strimzi.read(file, document)
    if document["kind"] == "PrometheusRule":
        return _alerts(file, part(document, "spec"))
    if document["kind"] == "List" and isinstance(document.get("items"), list):
        return _all(filter(None, (_document(file, item, text) for item in document["items"])))
    return None


def _all(found: Iterable[Read]) -> Read | None:
    """Return several as one; None where there is none."""
    reads = list(found)
    pieces = tuple(piece for one in reads for piece in one.pieces)
    return Read(pieces, tuple(said for one in reads for said in one.findings)) if reads else None


def _alerts(file: str, document: Mapped) -> Read:
    """Return each alert as a piece by its name: expression, wait, labels."""
    pieces = []
    for group in document.get("groups") or []:
        for rule in (group.get("rules") if isinstance(group, Mapped) else None) or []:
            if isinstance(rule, Mapped) and "alert" in rule:
                values = dict(flat(rule))
                pieces.append(Piece("alerts", file, "prometheus", "", str(rule["alert"]), values, rule.line))
    return Read(tuple(pieces))


def _settings(file: str, document: Mapped, text: str, hint: str = "") -> Read | None:
    """Return client or broker settings in a mapping, or in mappings inside it; lists of settings too."""
    entries = {name: Entry(name, plain(value), document.lines[name]) for name, value in document.items()
               if not isinstance(value, Mapping | list)}  # fmt: skip
    dotted = any("." in name or name == "acks" for name in entries)
    own = clients(file, entries, left_out(text), hint) if dotted else None
    found = [own] if own is not None else []
    for name, value in document.items():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapped):
                found += filter(None, [_settings(file, inner, "", f"{hint} {name}")])
    return _all(found)
