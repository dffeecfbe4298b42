"""What a command says of itself while it runs, beside the figures that it prints."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)
