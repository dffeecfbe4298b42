"""All tests in two processes side by side: those on a real Kafka, and all others, which give way to them.

Tests on a Kafka wait more than they work; one after the other, half of two cores would stand idle. What the others say
is shown as they go, what those on a Kafka say at their end. The exit code is the worse of the two.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

GIVING_WAY = 10
"""Niceness of the tests without a Kafka."""


def main() -> int:
    """Run all tests and return the exit code."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+b") as kept:
        kafka = _pytest("kafka", stdout=kept, stderr=subprocess.STDOUT)
        others = _pytest("not kafka", preexec_fn=lambda: os.nice(GIVING_WAY))
        codes = _codes(others, kafka)
        kept.seek(0)
        print("\nTests on a real Kafka:", flush=True)
        sys.stdout.buffer.write(kept.read())
    print(f"both took {time.monotonic() - begun:.0f} s", flush=True)
    return max(codes)


def _pytest(marked: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "pytest", "-m", marked], **options)  # type: ignore[call-overload, no-any-return]


def _codes(*processes: subprocess.Popen[bytes]) -> list[int]:
    """Return the exit codes; Ctrl-C reaches all of a terminal's processes, and each ends in its own order."""
    codes: list[int] = []
    while len(codes) < len(processes):
        try:
            codes.append(abs(processes[len(codes)].wait()))
        except KeyboardInterrupt:
            continue
    return codes


if __name__ == "__main__":
    sys.exit(main())
