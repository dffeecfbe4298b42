"""What a gate knows of the machine it runs on: its class, the noise stored for it, and who else gates there now."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loadkit import kept, ledger
from loadkit.errors import UsageError
from loadkit.gate_sides import Length, Side
from loadkit.result import Result
from loadkit.secrets import MASK
from loadkit.summary import summarise
from loadkit.targets.kafka import versions
from loadkit.telemetry.host import environment

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

LOCK = "gate.lock"


def software() -> dict[str, Any]:
    """Return versions and machine, as a result says them."""
    return {**environment(), **versions()}


def argv() -> list[str]:
    """Return the command, secrets hidden."""
    return list(MASK.hide([Path(sys.argv[0]).name, *sys.argv[1:]]))


def scenario_facts(sides: Iterable[Side]) -> list[dict[str, Any]]:
    """Return name and hash of each side's scenario file; of one in another revision only the name."""
    return [
        {
            "name": side.scenario.stem, "file": side.scenario.name,
            "sha256": None if side.rev else hashlib.sha256(side.scenario.read_bytes()).hexdigest(),
        }
        for side in sides
    ]  # fmt: skip


def told(result: Result, wanted: Iterable[str]) -> dict[str, Any]:
    """Return a result's facts with its numbers by name."""
    return {**result.facts, **summarise(result, wanted).facts()}


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Hold this machine for one gate; UsageError that says who holds it: two at once would measure each other."""
    path = ledger.folder() / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another gate runs on this machine: {_holder(path)}; wait for it") from None
        file.truncate(0)
        holder = {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), "what": what}
        file.write(json.dumps(holder) + "\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_UN)  # gevent's close takes effect only when its loop runs


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"process {held['pid']} since {held['since']} ({held['what']})"
    except (OSError, ValueError, KeyError):
        return "it does not say which"


def noise_file(machine: Mapping[str, Any], side: Side, length: Length, within: Sequence[str] = ()) -> Path:
    """Return where the noise of a machine's class, scenario, target and length of trial is stored.

    `within` are the objectives of a highest rate: its trials are at other rates.
    """
    told = [side.scenario.stem, side.target, sorted(side.sets), length.duration, length.warmup]
    about = json.dumps([*told, sorted(within)] if within else told)
    name = f"{side.scenario.stem}-{hashlib.sha256(about.encode()).hexdigest()[:12]}.json"
    return ledger.folder() / "noise" / str(machine["id"]) / name


def noise(machine: Mapping[str, Any], side: Side, length: Length, within: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the noise that `loadkit gate --calibrate` stored for it; None where there is none."""
    try:
        found: dict[str, Any] = json.loads(noise_file(machine, side, length, within).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def store_noise(
    machine: Mapping[str, Any], side: Side, length: Length, found: Mapping[str, Any], within: Sequence[str] = ()
) -> Path:
    """Store the noise of an A/A run and return where."""
    path = noise_file(machine, side, length, within)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept.write(path, found)
    return path
