"""Secrets: named where they are needed, read at the last moment, and never shown.

A target file says where a secret is, not what it is: `"${STAGING_PASSWORD}"` (an environment variable) or
`{ file = "path" }`. Each value read through here is known to `MASK`, which hides it in any text, by key and by value.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import re
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError

HIDDEN = "••••"
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(
    r"password|passphrase|passwd|secret|token|key\.pem|jaas|private\.key|api\.?key|authorization|oauthbearer\.config"
)
_PLACE = re.compile(r"(\.url|\.location|\.file|\.method|\.cb|\.type|\.extensions|\.ms|\.seconds|tokens.*)$")
_MIXED = re.compile(r"oauthbearer\.config$|jaas\.config$")
_SHORT = 4
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@'\"$]+(?=@)")
_BASE64_TRIM = {0: 0, 1: 2, 2: 3}


def is_secret(name: str) -> bool:
    """Return whether a property, key or path of this name holds a secret, not just the place of one."""
    plain = re.sub(r"[_\-\s]+", ".", name.lower())
    return bool(_SECRET.search(plain)) and not _PLACE.search(plain)


def is_reference(value: object) -> bool:
    """Return whether a value as written names a secret's place: `"...${ENV}..."` or `{ file = "path" }`."""
    if isinstance(value, Mapping):
        return set(value) == {"file"} and isinstance(value["file"], str)
    return isinstance(value, str) and bool(_REFERENCE.search(value))


def refuse_literal(name: str, value: object, where: str, error: type[UsageError] = UsageError) -> None:
    """Raise `error` where a secret is written out; the message says what to write instead and never repeats the value.

    A secret is one whole reference; only properties that hold several fields (`sasl.oauthbearer.config`) may mix.
    """
    if not is_secret(name):
        return
    whole = isinstance(value, Mapping) or (isinstance(value, str) and bool(_REFERENCE.fullmatch(value)))
    if not is_reference(value) or not (whole or _MIXED.search(name)):
        variable = re.sub(r"\W+", "_", name.rsplit("config.", 1)[-1]).upper()
        raise error(
            f'{where}: {name} is a secret and may not be written here: write "${{{variable}}}" and set that '
            'environment variable, or { file = "path" }'
        )


def refuse_on_command_line(path: str, value: object = None) -> None:
    """Raise `UsageError` where a dotted path of `--set` or `--vary` holds a secret: everyone can read command lines.

    A value that is one whole `${ENV}` reference passes.
    """
    if is_secret(path) and not (isinstance(value, str) and _REFERENCE.fullmatch(value)):
        raise UsageError(
            f"{path} is a secret and may not stand on a command line, where every user of the machine can read it: "
            "put a ${ENV} reference into the target file"
        )


def resolve(
    value: object, name: str, where: str, folder: Path | None = None, error: type[UsageError] = UsageError
) -> Any:
    """Return the value with its references read; anything else comes back as it is.

    `folder` is what a relative file is relative to. What was read for a secret, or from a file, is known to `MASK` from
    here on.
    """
    if not is_reference(value):
        return value
    if isinstance(value, Mapping):
        text = _file(folder or Path(), value["file"], name, where, error)
        MASK.add(text)
        return text
    parts = [_variable(match[1], name, where, error) for match in _REFERENCE.finditer(str(value))]
    if is_secret(name):
        for part in parts:
            MASK.add(part)
    remaining = iter(parts)
    return _REFERENCE.sub(lambda _: next(remaining), str(value))


def unset(value: object) -> list[str]:
    """Return the environment variables that a value as written names and that are not set, or are empty."""
    names = _REFERENCE.findall(value) if isinstance(value, str) else []
    return [name for name in names if not os.environ.get(name)]


def _variable(variable: str, name: str, where: str, error: type[UsageError]) -> str:
    if not _VARIABLE.fullmatch(variable):
        raise error(
            f"{where}: {name}: ${{{variable}}} is not the name of an environment variable: write it like ${{PASSWORD}}"
        )
    found = os.environ.get(variable, "")
    if not found:
        state = "is empty" if variable in os.environ else "is not set"
        raise error(
            f"{where}: {name} needs the environment variable {variable}, which {state}: export {variable}=... first"
        )
    return found


def _file(folder: Path, path: str, name: str, where: str, error: type[UsageError]) -> str:
    place = folder / Path(path).expanduser()
    try:
        text = place.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise error(f"{where}: {name} is to be read from {place}, which cannot be read: {reason}") from None
    if not text:
        raise error(f"{where}: {name} is to be read from {place}, which is empty")
    return text


class Mask:
    """Hides every secret it was told of, in whatever form text may carry it; also a filter for logging handlers."""

    def __init__(self, replacement: str = HIDDEN) -> None:
        self._replacement = replacement
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Hide this value from now on, also URL-quoted, as base64, as hex and as it looks in JSON, Python and HTML."""
        long_lines = [line.strip() for line in value.splitlines() if len(line.strip()) >= 16]
        new = {form for text in (value, *long_lines) for form in forms(text)} - self._forms
        if new:
            self._forms |= new
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(_bounded(form) for form in longest_first))

    def text(self, text: str) -> str:
        """Return the text with every known secret, and any login in a URL, hidden."""
        hidden = _URL_LOGIN.sub(self._replacement, text)
        return self._pattern.sub(self._replacement, hidden) if self._pattern else hidden

    def hide(self, value: Any) -> Any:
        """Return a copy of nested mappings and sequences in which secrets are hidden by key and by value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace")).encode()
        if isinstance(value, Mapping):
            return {self.hide(key): self._entry(str(key), item) for key, item in value.items()}
        if isinstance(value, tuple | list | set | frozenset):
            items = [self.hide(item) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        return value

    def _entry(self, key: str, value: Any) -> Any:
        if is_secret(key) and isinstance(value, str | bytes | Mapping):
            return self._replacement
        return self.hide(value)

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide secrets in a log record, its traceback included; always true, so that the record is kept."""
        record.msg, record.args = self.text(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.text(record.exc_text)
        return True


def forms(secret: str) -> set[str]:
    """Return the ways one secret can look in text; empty for an empty one. Pure."""
    if not secret:
        return set()
    raw = secret.encode()
    plain = {
        secret,
        secret.replace("\n", "\\n"),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
    }
    coded = {raw.hex(), raw.hex().upper(), *_base64_forms(raw)}
    return plain | {form for form in coded if len(form) >= _SHORT}


def _base64_forms(raw: bytes) -> set[str]:
    """Return the characters of base64 that depend on the secret alone, at each of the three places it can begin at.

    A secret inside a longer text (`user:password` of HTTP's basic login) starts at any of three offsets; the characters
    that also hold bits of its neighbours are left out.
    """
    found: set[str] = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found |= {encode(raw).decode(), encode(raw).decode().rstrip("=")}
        for offset, trim in _BASE64_TRIM.items():
            core = encode(b"\0" * offset + raw).decode().rstrip("=")[trim:]
            core = core[:-1] if (offset + len(raw)) % 3 else core
            found |= {core} if len(core) >= 6 else set()
    return found


def _bounded(form: str) -> str:
    """Return a pattern; a very short secret is hidden only where it stands alone, else all text would turn to dots."""
    return re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"


MASK = Mask()
"""The one mask of this process: `resolve` tells it every secret it reads."""


def say(text: str) -> None:
    """Print a line on stderr, secrets masked."""
    print(MASK.text(text), file=sys.stderr, flush=True)
