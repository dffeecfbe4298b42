"""A sweep's folder taken up: by one process at a time, for one sweep only, at the next trial that is missing.

The truth about a trial is its own folder. One that was under way when the process died is removed and run again; one
that had ended is counted, whether or not `sweep.json` had heard of it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

from loadkit.errors import UsageError
from loadkit.result import RESULT
from loadkit.sweep import max_file, store
from loadkit.sweep.spec import Record, Sweep

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

_OURS = {store.FILE, store.FILE + ".part"}


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold a sweep's folder, made if it is not there; UsageError when it is another's or a sweep runs in it now."""
    if out.is_file():
        raise UsageError(f"--out {out} is a file; give a folder")
    if out.is_dir() and not (out / store.FILE).exists() and {path.name for path in out.iterdir()} - _OURS:
        raise UsageError(f"--out {out} holds something else than a sweep; give a new folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; give a folder that can be written") from None
    try:
        _lock(out, folder)
        yield
    finally:
        if fcntl:
            fcntl.flock(folder, fcntl.LOCK_UN)  # gevent's close takes effect only when its loop runs
        os.close(folder)


def _lock(out: Path, folder: int) -> None:
    """Lock an open folder until it is unlocked or the process ends, however it ends."""
    try:
        if fcntl:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"--out {out}: a sweep is running in it now; wait for it, or give a new folder") from None


def before(out: Path, now: store.Stored) -> store.Stored | None:
    """Return the sweep that was begun in a folder, None in a new one; UsageError when it is another than `now`."""
    if not (out / store.FILE).exists():
        return None
    then = store.read(out)
    differs = [
        *_differences(then.sweep, now.sweep),
        *(name for name in ("name", "sha256") if then.scenario.get(name) != now.scenario.get(name)),
        *(["target"] if then.target_name != now.target_name else []),
    ]
    if differs:
        raise UsageError(
            f"--out {out} holds another sweep: {_named(differs[0], then, now)}; "
            "give a new folder, or the arguments of that sweep to go on with it"
        )
    return then


def _differences(then: Sweep, now: Sweep) -> list[str]:
    return [one.name for one in fields(Sweep) if getattr(then, one.name) != getattr(now, one.name)]


def _named(what: str, then: store.Stored, now: store.Stored) -> str:
    if what == "axes":
        old, new = (
            [f"{axis.path}={','.join(map(str, axis.values))}" for axis in one.sweep.axes] for one in (then, now)
        )
        return f"it varies {' '.join(old)}, not {' '.join(new)}"
    if what in ("name", "sha256"):
        return f"its scenario was {then.scenario.get('file')} as it stood then, not {now.scenario.get('file')} as it is"
    if what == "target":
        return f"its target is {then.target_name}, not {now.target_name}"
    return f"its {what} is {getattr(then.sweep, what)}, not {getattr(now.sweep, what)}"


def records(out: Path, then: store.Stored | None, wanted: Iterable[str]) -> list[Record]:
    """Return the trials that have ended, in the order of time; folders of those that have not are removed."""
    wanted = list(wanted)
    known = {(record.point, record.repeat): record for record in then.trials} if then else {}
    found = {key: record for key, record in known.items() if record.status not in ("running", "interrupted")}
    for folder in sorted((out / store.TRIALS).glob("*")):
        record = _told(out, folder, known, wanted)
        if record:
            found[record.point, record.repeat] = record
        elif not (folder / max_file.FILE).exists():  # a search goes on where it was
            shutil.rmtree(folder)
    ordered = sorted(found.values(), key=lambda record: record.index)
    return [replace(record, index=place) for place, record in enumerate(ordered)]


def _told(out: Path, folder: Path, known: dict[tuple[str, int], Record], wanted: list[str]) -> Record | None:
    """Return the record of a trial's folder; None for one that was killed or interrupted on its way."""
    file = max_file.FILE if (folder / max_file.FILE).exists() else RESULT
    try:
        place = json.loads((folder / file).read_text(encoding="utf-8"))["sweep"]
    except (OSError, ValueError, KeyError):
        return None
    sure = known.get((place["point"], place["repeat"])) or Record(
        place["point"], place["repeat"], place["index"], f"{store.TRIALS}/{folder.name}", "complete",
        block=place["block"],
    )  # fmt: skip
    record = store.recorded(out, replace(sure, status="complete"), wanted)
    return None if record is None or record.status == "interrupted" else record


def _written(sweep: Sweep) -> str:
    return " ".join(f"{axis.path}={','.join(map(str, axis.values))}" for axis in sweep.axes)
