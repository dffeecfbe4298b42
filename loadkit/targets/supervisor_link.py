"""The owner's end of the supervisor: starts it, asks it, and lets it clean up by merely ending.

Everything here is plain descriptors and `posix_spawn`, taken from `posix` because gevent patches `os`: its versions
watch the child from the main thread's loop and refuse to work in any other thread, as its Popen does.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import posix
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.errors import TargetError
from loadkit.targets import supervisor

PREFIX = "loadkit-kafka-"

_PAUSE = 0.01
_ANSWER = 15.0
_YOUNG = 60.0
_NO_JVM_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
_open: weakref.WeakSet[Link] = weakref.WeakSet()


class Link:
    """A running supervisor and the data folder that lives and dies with it.

    One thread or greenlet at a time may ask; others wait. In a forked child it is closed and does nothing.
    """

    def __init__(self) -> None:
        """Start a supervisor, which makes `folder`.

        Raises TargetError when it does not come up.
        """
        # Only a name: the supervisor makes the folder, so that it cannot stay behind.
        self.folder = Path(tempfile.gettempdir()).absolute() / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._received = b""
        self._asked = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._ended: dict[int, int] = {}
        self._ready = False
        self._failed = ""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._fd = mine.detach()
        _open.add(self)
        try:
            os.set_blocking(self._fd, False)
            self._pid = _spawn(theirs.fileno(), self._owner, self.folder)
        except BaseException:
            self.close_in_child()
            raise
        finally:
            theirs.close()
        self._wait(lambda: self._ready or bool(self._failed), "its start")
        if self._failed:
            self.close(0.0)
            raise TargetError(f"the embedded cluster has no place for its data: {self._failed}; set TMPDIR to another")

    def spawn(self, name: str, argv: Sequence[str], log: Path, cpus: frozenset[int] | None = None) -> int:
        """Return the pid of a new child that runs `argv`, its output appended to `log`."""
        env = {key: value for key, value in os.environ.items() if key not in _NO_JVM_OPTIONS}
        answer = self._ask(
            do="spawn", name=name, argv=list(argv), log=str(log), cpus=sorted(cpus) if cpus else None, env=env
        )
        return int(answer["pid"])

    def signal(self, name: str, number: int) -> bool:
        """Return whether a child of that name was running; it has been sent the signal."""
        return bool(self._ask(do="signal", name=name, signal=int(number))["sent"])

    def ended(self, pid: int) -> int | None:
        """Return the exit code of a child (minus the signal that killed it), or None while it runs."""
        with self._lock:
            self._pump()
        return self._ended.get(pid)

    def wait(self, pid: int, timeout: float) -> int | None:
        """Return the exit code of a child, or None when it still runs after `timeout` seconds."""
        limit = time.monotonic() + timeout
        while (status := self.ended(pid)) is None and time.monotonic() < limit:
            self.check()
            time.sleep(_PAUSE)
        return status

    @property
    def alive(self) -> bool:
        """Return whether the supervisor still answers for the cluster."""
        with self._lock:
            self._pump()
        return self._fd >= 0

    def check(self) -> None:
        """Return when the supervisor is there.

        Raises TargetError when it was killed (the JVMs are dead then, too) or the link was closed.
        """
        if not self.alive:
            raise TargetError("the supervisor of the embedded cluster is gone, and with it the cluster")

    def close(self, grace: float) -> None:
        """Return when every child is gone and the data removed; children get `grace` seconds to end by themselves."""
        if self._owner != os.getpid():
            return
        with self._lock:
            self._send({"do": "close", "grace": grace})
            limit = time.monotonic() + grace + _ANSWER
            while self._fd >= 0 and time.monotonic() < limit:
                self._pump()
                time.sleep(_PAUSE)
            self._forget()
        _open.discard(self)
        self._bury(_ANSWER)
        _remove_stale(self.folder)

    def close_in_child(self) -> None:
        """Return after letting go of the socket, without a word to the supervisor: what a forked child must do."""
        self._forget()

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self._asked += 1
            number = self._asked
            self._send({"id": number, **request})
            self._wait(lambda: number in self._answers, "an answer")
            return self._answers.pop(number)

    def _send(self, request: Mapping[str, Any]) -> None:
        data = json.dumps(request).encode() + b"\n"
        while data and self._fd >= 0:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                time.sleep(_PAUSE)
            except OSError:
                self._forget()

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        limit = time.monotonic() + _ANSWER
        while not done():
            self._pump()
            if self._fd < 0 and not done():
                raise TargetError(f"the supervisor of the embedded cluster ended while loadkit waited for {what}")
            if time.monotonic() > limit:
                raise TargetError(f"the supervisor of the embedded cluster did not give {what} in {_ANSWER:.0f} s")
            if not done():
                time.sleep(_PAUSE)

    def _pump(self) -> None:
        while self._fd >= 0:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._forget()
                return
            *lines, self._received = (self._received + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            self._ready = True
        elif "failed" in message:
            self._failed = message["failed"]
        elif "exited" in message:
            self._ended[message["pid"]] = message["status"]
        else:
            self._answers[message["id"]] = message

    def _forget(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _bury(self, timeout: float) -> None:
        """Reap the supervisor; one that does not end is killed, and its JVMs die with it."""
        limit = time.monotonic() + timeout
        while not _reaped(self._pid):
            if time.monotonic() > limit:
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(_PAUSE)


def sweep() -> list[Path]:
    """Return the data folders of clusters whose supervisor was killed, after removing them."""
    temporary = Path(tempfile.gettempdir())
    return [folder for folder in temporary.glob(f"{PREFIX}*") if _remove_stale(folder)] + [
        folder for folder in temporary.glob(f".{PREFIX}*") if _is_old(folder) and _remove_stale(folder)
    ]


def is_live(folder: Path) -> bool:
    """Return whether a supervisor holds the lock of a data folder; an unreadable one counts as live."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _remove_stale(folder: Path) -> bool:
    if not folder.exists() or is_live(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _YOUNG
    except OSError:
        return False


def _spawn(control: int, owner: int, folder: Path) -> int:
    argv = [sys.executable, "-I", "-S", supervisor.__file__, str(owner), str(folder)]
    actions = [
        (os.POSIX_SPAWN_DUP2, control, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    options: dict[str, Any] = {
        "file_actions": actions,
        "setsigmask": [],
        "setsigdef": [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
    }
    return posix.posix_spawn(sys.executable, argv, os.environ, setsid=True, **options)


def _reaped(pid: int) -> bool:
    try:
        return posix.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # Something else in this process (an event loop) has reaped it.
        return True


def _close_all_in_child() -> None:
    for link in list(_open):
        link.close_in_child()


def _close_all_at_exit() -> None:
    for link in list(_open):
        link.close(grace=0.0)


os.register_at_fork(after_in_child=_close_all_in_child)
atexit.register(_close_all_at_exit)
