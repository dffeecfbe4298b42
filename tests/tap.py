"""A way through to a port of this machine that keeps all that passes; a process of its own, so that tests delay nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import suppress
from io import RawIOBase
from pathlib import Path


class Tap:
    """Listens at a port of its own, `port`, and passes on what comes to another and back; used as a context."""

    def __init__(self, to: int, kept: Path) -> None:
        """Keep all that passes in a file."""
        self._kept = kept
        words = [sys.executable, __file__, str(to), str(kept)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def seen(self) -> bytes:
        """All that has passed, both ways."""
        return self._kept.read_bytes()


def _serve(to: int, kept: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with kept.open("wb", buffering=0) as file:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", to))
            except OSError:  # nobody listens there yet
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass, args=(one, other, file), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket, file: RawIOBase) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            file.write(data)
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
