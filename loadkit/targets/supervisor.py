"""Runs the JVMs of one embedded cluster and ends them, and their data, when the owner ends, however it ends.

    python -I -S supervisor.py OWNER_PID FOLDER

A process of its own, in a session of its own, with one thread: Linux ties PDEATHSIG to the thread that forked, so a
JVM started from a thread of the owner would die with that thread. It uses the standard library alone and imports
nothing of loadkit.

Standard input is one end of a socket pair; the owner alone holds the other. Requests are JSON lines, answered by
JSON lines with the same `id`; a child that ended is told as `{"exited": NAME, "pid": P, "status": S}`. End of file
on it, or a parent that is no longer OWNER_PID, means that the owner is gone.

FOLDER is made here, locked (flock) for as long as this process lives, and removed at the end. A folder of that name
that nobody locks was left by a supervisor that was killed; `sweep` in supervisor_link.py removes it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_LOOK = 1.0  # Seconds between looks at the parent's pid, in case a forked child of the owner holds the socket open.


class OwnerGone(Exception):
    """The owner has ended, or asked for the end: kill what runs, remove the data, exit."""


class Supervisor:
    """The children by pid, and the loop that serves the owner."""

    def __init__(self, owner: int, folder: str) -> None:
        self.owner = owner
        self.folder = folder
        self.children: dict[int, str] = {}
        self.received = b""
        self.terminated = False
        self.woken, self.wake = os.pipe()
        for end in (self.woken, self.wake):
            os.set_blocking(end, False)
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def run(self) -> None:
        """Return when the owner is gone and nothing is left of the cluster."""
        self._listen_to_signals()
        try:
            self._say(self._prepare())
            while True:
                for request in self._requests(_LOOK):
                    self._serve(request)
        except OwnerGone:
            pass
        finally:
            self._kill()
            _remove(self.folder)

    def _prepare(self) -> dict[str, Any]:
        try:
            return {"ready": os.getpid(), "locked": _make_folder(self.folder) >= 0}
        except OSError as error:
            return {"failed": f"{self.folder} could not be made: {error.strerror}"}

    def _listen_to_signals(self) -> None:
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # Not SIG_IGN, which the JVMs would inherit.
        signal.signal(signal.SIGTERM, self._on_term)

    def _on_term(self, *_: object) -> None:
        self.terminated = True

    def _requests(self, timeout: float) -> list[dict[str, Any]]:
        """Return the requests that have come within `timeout` seconds, after telling of children that ended."""
        ready, _, _ = select.select([0, self.woken], [], [], timeout)
        if self.woken in ready:
            os.read(self.woken, 4096)
        self._reap()
        if self.terminated or os.getppid() != self.owner:
            raise OwnerGone
        if 0 not in ready:
            return []
        *lines, self.received = (self.received + self._read()).split(b"\n")
        return [json.loads(line) for line in lines]

    def _read(self) -> bytes:
        try:
            data = os.read(0, 65536)
        except OSError as error:
            raise OwnerGone from error
        if not data:
            raise OwnerGone
        return data

    def _say(self, message: dict[str, Any]) -> None:
        try:
            os.write(0, json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise OwnerGone from error

    def _reap(self) -> None:
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                name = self.children.pop(pid)
                self._say({"exited": name, "pid": pid, "status": os.waitstatus_to_exitcode(status)})

    def _serve(self, request: dict[str, Any]) -> None:
        if request["do"] == "spawn":
            self._say({"id": request["id"], "pid": self._spawn(request)})
        elif request["do"] == "signal":
            self._say({"id": request["id"], "sent": self._signal(request["name"], request["signal"])})
        elif request["do"] == "close":
            self._stop(request["grace"])
            raise OwnerGone

    def _signal(self, name: str, number: int) -> bool:
        pids = [pid for pid, child in self.children.items() if child == name]
        for pid in pids:
            os.kill(pid, number)
        return bool(pids)

    def _spawn(self, request: dict[str, Any]) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(request, parent)
        self.children[pid] = request["name"]
        return pid

    def _become(self, request: dict[str, Any], parent: int) -> None:
        """Turn this forked process into what was asked for, bound to die with the supervisor."""
        try:
            if self.libc is not None:
                self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                return  # The supervisor died before the line above took hold.
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if request["cpus"]:
                os.sched_setaffinity(0, request["cpus"])
            os.chdir(self.folder)
            os.execve(request["argv"][0], request["argv"], request["env"])
        except Exception as error:
            os.write(2, f"could not start {request['argv'][0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def _stop(self, grace: float) -> None:
        """Ask all children to end and give them `grace` seconds, less if the owner dies meanwhile."""
        for pid in self.children:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)
        limit = time.monotonic() + grace
        while self.children and (left := limit - time.monotonic()) > 0:
            self._requests(min(left, _LOOK))

    def _kill(self) -> None:
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
        for pid in self.children:
            os.waitpid(pid, 0)
        self.children.clear()


def _make_folder(folder: str) -> int:
    """Return the descriptor that holds the folder's lock, or -1 where the file system cannot lock.

    The folder gets its name only when it is locked, so that no sweep ever finds it unlocked.
    """
    parent, name = os.path.split(folder)
    draft = os.path.join(parent, "." + name)
    os.mkdir(draft, 0o700)
    lock = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock = -1
    os.rename(draft, folder)
    return lock


def _remove(folder: str) -> None:
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.05)


def _close_inherited() -> None:
    """Close what the owner let its children inherit: a pipe held open here would keep its reader waiting."""
    os.closerange(3, 65536)


if __name__ == "__main__":
    _close_inherited()
    Supervisor(int(sys.argv[1]), sys.argv[2]).run()
