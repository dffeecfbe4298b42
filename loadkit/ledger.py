"""What loadkit made on which cluster, so that it can delete that and nothing else.

One file of JSON lines in the user's state folder, appended to before anything is made and after it is gone. A line
that cannot be read (a torn last one, say) is passed over. Deleting trusts no line alone: a name must also carry its
own run id.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

from loadkit.errors import LoadkitError, TargetError
from loadkit.target import Target
from loadkit.targets import admin

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

Event = Literal["made", "gone"]
_KINDS = ("topics", "groups", "transactional_ids")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what a run is about to make on a cluster, or what of it is gone."""

    event: Event
    cluster: str
    """The id the cluster gives itself."""
    target: str
    prefix: str
    run: str
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    transactional_ids: tuple[str, ...] = ()
    """Kept for the record: a cluster forgets them by itself (transactional.id.expiration.ms)."""
    time: str = ""
    host: str = ""
    pid: int = 0

    def owns(self, name: str) -> bool:
        """Return whether a name carries this entry's prefix and run id, without which nothing is deleted."""
        return bool(self.prefix and self.run) and name.startswith(f"{self.prefix}{self.run}.")


@dataclass(frozen=True, slots=True)
class Left:
    """What one run made on a cluster and is not known to be gone."""

    entry: Entry
    topics: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What `clean` did."""

    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    """Runs left alone because the process that made them is still there."""
    kept: tuple[str, ...] = ()
    """Groups that would not go, with the reason."""


def folder() -> Path:
    """Return $LOADKIT_STATE, else $XDG_STATE_HOME/loadkit, else ~/.local/state/loadkit."""
    if own := os.environ.get("LOADKIT_STATE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "loadkit"


def path() -> Path:
    """Return the file of the ledger."""
    return folder() / "ledger.jsonl"


def record(entry: Entry, file: Path | None = None) -> None:
    """Append an entry, on disk when this returns; call it before the thing is made.

    Raises `TargetError` where it cannot be written: without a record, nothing may be made.
    """
    place = file or path()
    stamped = {name: getattr(entry, name) for name in Entry.__slots__}
    stamped |= {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.open("ab+") as stream, _locked(stream):
            line = json.dumps(stamped, separators=(",", ":")).encode() + b"\n"
            stream.write(line if _ends_whole(stream) else b"\n" + line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as problem:
        raise TargetError(
            f"the ledger {place} cannot be written ({problem.strerror}), and nothing is made on a cluster without "
            "a record: set LOADKIT_STATE to a folder that can"
        ) from None


def _ends_whole(stream: IO[bytes]) -> bool:
    """Return whether the file is empty or ends with a line's end: a process that died may have left half a line."""
    size = stream.seek(0, os.SEEK_END)
    if size == 0:
        return True
    stream.seek(size - 1)
    return stream.read(1) == b"\n"


@contextmanager
def _locked(stream: IO[bytes]) -> Iterator[None]:
    if fcntl is None:  # pragma: no cover
        yield
        return
    fcntl.flock(stream, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(stream, fcntl.LOCK_UN)


def entries(file: Path | None = None) -> list[Entry]:
    """Return every entry that can be read, oldest first; none where there is no ledger yet."""
    place = file or path()
    try:
        lines = place.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise TargetError(f"the ledger {place} cannot be read: {problem.strerror}") from None
    return [entry for entry in map(_entry, lines) if entry is not None]


def _entry(line: bytes) -> Entry | None:
    try:
        data = json.loads(line)
        fields: dict[str, Any] = {name: data[name] for name in ("event", "cluster", "target", "prefix", "run")}
        names = {kind: tuple(data.get(kind, ())) for kind in _KINDS}
        fields |= {"time": str(data.get("time", "")), "host": str(data.get("host", "")), "pid": int(data.get("pid", 0))}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    words = [*(fields[name] for name in ("cluster", "target", "prefix", "run")), *chain(*names.values())]
    sound = fields["event"] in ("made", "gone") and all(isinstance(word, str) for word in words)
    return Entry(**fields | names) if sound else None


def left(found: Iterable[Entry], cluster: str, run: str | None = None) -> list[Left]:
    """Return what each run made on this cluster and is not gone: of one run or all, only names that carry its run id.

    Pure: `found` are the entries, oldest first. What was made again after it had gone counts as made.
    """
    standing: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    latest: dict[tuple[str, str], Entry] = {}
    for entry in found:
        if entry.cluster != cluster or (run is not None and entry.run != run):
            continue
        key = (entry.prefix, entry.run)
        names = standing.setdefault(key, {})
        for item in _items(entry):
            if entry.event == "made":
                names[item] = None
            else:
                names.pop(item, None)
        if entry.event == "made":
            latest[key] = entry
    return [_left(latest[key], names) for key, names in standing.items() if names]


def _items(entry: Entry) -> Iterator[tuple[str, str]]:
    yield from (("topic", name) for name in entry.topics if entry.owns(name))
    yield from (("group", name) for name in entry.groups if entry.owns(name))


def _left(entry: Entry, items: Iterable[tuple[str, str]]) -> Left:
    topics = tuple(name for kind, name in items if kind == "topic")
    return Left(entry, topics, tuple(name for kind, name in items if kind == "group"))


def running(entry: Entry) -> bool:
    """Return whether the process that made it is another one of this host and still there."""
    if entry.host != socket.gethostname() or entry.pid in (0, os.getpid()):
        return False
    try:
        os.kill(entry.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def note(
    target: Target,
    cluster: str,
    run: str,
    topics: Iterable[str] = (),
    groups: Iterable[str] = (),
    *,
    transactional_ids: Iterable[str] = (),
) -> None:
    """Note what a run is about to make, before it does. Nothing for a built-in cluster, which ends with its process.

    Names are the real ones; a name that does not carry prefix and run id is a bug of the caller.
    """
    if target.built_in:
        return
    names = (tuple(topics), tuple(groups), tuple(transactional_ids))
    entry = Entry("made", cluster, target.name, target.topics.prefix, run, *names)
    foreign = [name for name in chain(*names) if not entry.owns(name)]
    if foreign:
        raise LoadkitError(f"{foreign[0]!r} does not carry {entry.prefix}{run}., so it would never be cleaned up")
    record(entry)


def clean(target: Target, connection: admin.Connection, run_id: str | None = None) -> Cleaned:
    """Delete what the ledger says loadkit made on this cluster, of one run or of all that have ended, and mark it gone.

    A run whose process is still there is left alone unless it is named. Raises `TargetError` where the cluster refuses.
    """
    if target.built_in:
        return Cleaned()
    found = left(entries(), connection.cluster.id, run_id)
    busy = [item for item in found if run_id is None and running(item.entry)]
    done = [_clean_one(connection, item) for item in found if item not in busy]
    return Cleaned(
        tuple(name for each in done for name in each.topics),
        tuple(name for each in done for name in each.groups),
        tuple(item.entry.run for item in busy),
        tuple(text for each in done for text in each.kept),
    )


def clean_named(target: Target, run_id: str | None = None) -> list[str]:
    """Connect, clean, and return what was done as lines to print."""
    if target.built_in:
        return [f"nothing to clean: {target.text} leaves nothing behind"]
    done = clean(target, admin.connect(target.client_config("admin")), run_id)
    lines = [f"deleted topic {name}" for name in done.topics] + [f"deleted group {name}" for name in done.groups]
    lines += [
        f"left run {run}: its process is still there (--run-id {run} cleans it all the same)" for run in done.running
    ]
    return [*lines, *done.kept] or [f"nothing to clean on {target.name}"]


def _clean_one(connection: admin.Connection, item: Left) -> Cleaned:
    admin.delete_topics(connection, item.topics)
    gone, kept = [], []
    for group in item.groups:
        try:
            admin.delete_groups(connection, [group])
            gone.append(group)
        except TargetError as refused:
            kept.append(str(refused))
    record(replace(item.entry, event="gone", topics=item.topics, groups=tuple(gone), transactional_ids=()))
    return Cleaned(item.topics, tuple(gone), (), tuple(kept))
