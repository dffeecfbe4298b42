"""A JSON document in a folder: replaced by rename, so that it is always whole, and read with its schema checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a document at once; OSError where the disk takes no more."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


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
