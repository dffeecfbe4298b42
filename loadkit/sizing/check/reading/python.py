"""Settings in Python: dictionaries with Kafka's names, assigned or handed to a client; nothing of it is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from loadkit.secrets import is_secret
from loadkit.sizing.check.model import Finding, Piece, Read
from loadkit.sizing.check.reading.properties import left_out
from loadkit.sizing.check.reading.roles import Entry, clients

_OWN = re.compile(r"^(bootstrap|metadata\.broker|client\.id|group\.id|security|sasl|ssl|.*_cb$|.*serializer|logger)")
"""Settings that are the application's own and that no rule judges."""


def read(file: str, text: str) -> Read | None:
    """Return a piece for each dictionary of settings; None where the text is no Python or has none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    pieces, findings = list[Piece](), list[Finding]()
    named = _Named(tree)
    for hint, node in _dictionaries(tree, named):
        entries, unseen = named.entries(file, node)
        part = "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])
        found = clients(file, entries, left_out(part), hint, "python")
        if found is None or not any("." in name or name == "acks" for name in entries):
            continue
        pieces += found.pieces
        findings += [*found.findings, *unseen]
    return Read(tuple(pieces), tuple(findings)) if pieces else None


class _Named:
    """Dictionaries by the name they are assigned to, and what is put into them afterwards."""

    def __init__(self, tree: ast.Module) -> None:
        self.dictionaries: dict[str, ast.Dict] = {}
        self._later: dict[str, list[tuple[str, ast.expr]]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assigned(target, node.value)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            self.dictionaries[target.id] = value
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            key = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if isinstance(key, str):
                self._later.setdefault(target.value.id, []).append((key, value))

    def of(self, value: ast.expr | None) -> ast.Dict | None:
        """Return the dictionary that an expression is or names."""
        if isinstance(value, ast.Name):
            return self.dictionaries.get(value.id)
        return value if isinstance(value, ast.Dict) else None

    def entries(self, file: str, node: ast.Dict) -> tuple[dict[str, Entry], list[Finding]]:
        """Return the settings that stand there as such, and a word on each that only the running program knows."""
        entries: dict[str, Entry] = {}
        unseen: list[Finding] = []
        name = next((name for name, one in self.dictionaries.items() if one is node), "")
        later = [(ast.Constant(key), value) for key, value in self._later.get(name, [])]
        for key, value in [*zip(node.keys, node.values, strict=True), *later]:
            merged = self.of(value) if key is None else None
            if merged is not None and merged is not node:
                own, more = self.entries(file, merged)
                entries |= own
                unseen += more
            elif not isinstance(value, ast.Dict):
                _entry(file, key, value, entries, unseen)
        return entries, unseen


def _dictionaries(tree: ast.Module, named: _Named) -> Iterator[tuple[str, ast.Dict]]:
    """Yield each outermost dictionary with the name that tells what it is for: of the call, or of the variable."""
    seen: set[ast.Dict] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for value in [*node.args, *(word.value for word in node.keywords)]:
                if (found := named.of(value)) is not None and found not in seen:
                    seen.add(found)
                    yield from _nested(ast.unparse(node.func), found)
    spread = [value for node in ast.walk(tree) if isinstance(node, ast.Dict)
              for key, value in zip(node.keys, node.values, strict=True) if key is None]  # fmt: skip
    seen |= {found for value in spread if (found := named.of(value)) is not None}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return):
            made = node.value
            if isinstance(made, ast.Dict) and made not in seen:
                yield from _nested(_variable(node), made)


def _variable(node: ast.Assign | ast.AnnAssign | ast.Return) -> str:
    if isinstance(node, ast.Return):
        return ""
    return ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])


def _nested(hint: str, node: ast.Dict) -> Iterator[tuple[str, ast.Dict]]:
    """Yield the dictionary, or those in it: `{"producer": {...}, "consumer": {...}}`."""
    inner = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if isinstance(value, ast.Dict)]
    for key, value in inner:
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        yield from _nested(f"{hint} {name}", value)
    if len(inner) < len(node.keys):
        yield hint, node


def _entry(file: str, key: ast.expr | None, value: ast.expr, entries: dict[str, Entry], unseen: list[Finding]) -> None:
    """Put one setting among the entries, or a word on it among what cannot be seen."""
    name = key.value if isinstance(key, ast.Constant) else None
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        literal = None
    if isinstance(name, str) and isinstance(literal, str | int | float | bool):
        entries[name] = Entry(name, _text(literal), value.lineno)
    elif key is None or (isinstance(name, str) and not _OWN.match(name)):
        said = name if isinstance(name, str) else "what is merged in"
        shown = "a secret" if is_secret(said) else ast.unparse(value)[:60]
        text = f"{said} is {shown}, whose value only the running program knows"
        unseen.append(Finding("unseen", "unjudged", file, value.lineno, said, text, "check it there"))


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
