"""Output whose reader may go away, as `| head` does: the command goes on, and its exit code stays its own."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Unbroken:
    """A stream like the one it was made of; once its reader is gone, what is written goes nowhere."""

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream that has a file descriptor."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, whoever reads it, and return its length."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._let_go()
            return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._let_go()

    def _let_go(self) -> None:
        """Let what is still held in buffers go nowhere too: else the interpreter's end would fail on it."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the stream has."""
        return getattr(self._stream, name)
