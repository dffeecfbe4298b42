"""Settings in Python: dictionaries with Kafka's names, assigned or handed to a client; nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Read
from loadkit.sizing.check.reading.properties import left_out
from loadkit.sizing.check.reading.roles import Entry, clients


def read(file: str, text: str) -> Read | None:
    """Return a piece for each dictionary of settings; None where the text is no Python or has none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    pieces, findings = [], []
    for hint, node in _dictionaries(tree):
        entries, unseen = _entries(file, node)
        part = "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])
        found = clients(file, entries, left_out(part), hint, "python")
        if found is None or not any("." in name or name == "acks" for name in entries):
            continue
        pieces += found.pieces
        findings += [*found.findings, *unseen]
    return Read(tuple(pieces), tuple(findings)) if pieces else None


def _dictionaries(tree: ast.Module) -> Iterator[tuple[str, ast.Dict]]:
    """Yield each outermost dictionary with the name that tells what it is for: of the call, or of the variable."""
    seen: set[ast.Dict] = set()
    for node in ast.walk(tree):
        hint, values = "", list[ast.expr | None]()
        if isinstance(node, ast.Call):
            hint, values = ast.unparse(node.func), [*node.args, *(word.value for word in node.keywords)]
        elif isinstance(node, ast.Assign):
            hint, values = " ".join(map(ast.unparse, node.targets)), [node.value]
        elif isinstance(node, ast.AnnAssign):
            hint, values = ast.unparse(node.target), [node.value]
        elif isinstance(node, ast.Return):
            values = [node.value]
        for value in values:
            if isinstance(value, ast.Dict) and value not in seen:
                seen.add(value)
                yield from _nested(hint, value)


def _nested(hint: str, node: ast.Dict) -> Iterator[tuple[str, ast.Dict]]:
    """Yield the dictionary, or those in it: `{"producer": {...}, "consumer": {...}}`."""
    inner = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if isinstance(value, ast.Dict)]
    for key, value in inner:
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        yield from _nested(f"{hint} {name}", value)
    if len(inner) < len(node.keys):
        yield hint, node


def _entries(file: str, node: ast.Dict) -> tuple[dict[str, Entry], list[Finding]]:
    """Return the settings that stand there as such, and a word on each that only running the program would tell."""
    entries, unseen = {}, []
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(value, ast.Dict):
            continue
        name = key.value if isinstance(key, ast.Constant) else None
        try:
            literal = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            literal = None
        if isinstance(name, str) and isinstance(literal, str | int | float | bool):
            entries[name] = Entry(name, _text(literal), value.lineno)
        elif isinstance(name, str) or key is None:
            shown = ast.unparse(value)
            unseen.append(Finding("unseen", "unjudged", file, value.lineno, name or "**", f"{name or 'what is merged in'} "
                          f"is {shown[:60]}, whose value only the running program knows", "check it there"))  # fmt: skip
    return entries, unseen


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
