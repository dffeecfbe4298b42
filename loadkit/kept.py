"""Files of a folder: replaced by rename, so that they are always whole; JSON is read with its schema checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError


def replace(path: Path, text: str) -> None:
    """Replace a file at once, so that a reader never sees half of it; OSError where the disk takes no more."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a document at once; OSError where the disk takes no more."""
    replace(path, json.dumps(document, indent=1, default=str) + "\n")


def read(path: Path, schema: int, what: str, written_by: str) -> dict[str, Any]:
    """Return a document; UsageError where there is none, where it is damaged, or of another version.

    `what` it is and the command that it is `written_by` stand in the error, as "search" and "loadkit max --out".
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path.parent} holds no {what}: give the folder that `{written_by}` wrote") from None
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}") from None
    if found.get("schema") != schema:
        raise UsageError(
            f"{path} has schema {found.get('schema')}; this loadkit reads {schema}: use the version that wrote it"
        )
    return found
