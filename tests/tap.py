"""A way through to a port of this machine that keeps all that passes."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Tap:
    """Listens at a port of its own, `port`, and passes on what comes to another and back; used as a context."""

    def __init__(self, to: int) -> None:
        self._to, self._seen, self._lock = to, bytearray(), threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def seen(self) -> bytes:
        """All that has passed, both ways."""
        with self._lock:
            return bytes(self._seen)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # nobody listens there yet
                    near.close()
                    continue
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                with self._lock:
                    self._seen += data
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
