"""When, where, by which commit and with which command a figure was measured."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from loadkit.telemetry.host import environment


def about(command: Sequence[str], work: Path | None = None) -> dict[str, Any]:
    """Return date, commit, machine and command, as every file of figures ends; the lanes of runs in a folder too."""
    found = environment()
    return {
        **({"lanes": lanes(work)} if work else {}),
        "command": shlex.join(command), "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit("loadkit", "trust", "scenarios"),
        "machine": {name: found[name] for name in ("cpu", "cores", "memory", "kernel")},
    }  # fmt: skip


def lanes(*places: Path) -> list[str]:
    """Return the client lanes that the runs below some folders used."""
    results = (json.loads(file.read_text("utf-8")) for place in places for file in place.rglob("result.json"))
    return sorted({facts["lane"] for result in results for facts in result["classes"].values() if facts.get("lane")})


def mark(files: Iterable[Path]) -> str:
    """Return a mark of what some files hold, in this order: figures that other code has made are told by it."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def commit(*watched: str) -> str:
    """Return the commit of the checkout, marked where one of the watched folders differs from it."""
    short = _git("rev-parse", "--short", "HEAD")
    dirty = short and _git("status", "--porcelain", "--", *watched)
    return f"{short} with changes" if dirty else short or "unknown"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
