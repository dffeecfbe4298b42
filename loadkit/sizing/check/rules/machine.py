"""What must hold of a broker's JVM and operating system."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadkit.sizing.check.model import Finding, Piece
from loadkit.sizing.check.rules.say import found, how

_SIZE = re.compile(r"^(\d+)([kKmMgGtT]?)$")
_SCALE = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_LEAST_HEAP = 2 * 2**30
_OOPS = 32 * 2**30
_MAPS = 262_144
_FILES = 100_000


def heap_bytes(text: str) -> int | None:
    """Return bytes of `6g` or `6144m`; None where it is none."""
    match = _SIZE.match(text.strip())
    return int(match[1]) * _SCALE[match[2].lower()] if match else None


def jvm(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a broker's JVM options."""
    least, most = heap_bytes(piece.text("-Xms")), heap_bytes(piece.text("-Xmx"))
    if most is None:
        yield found(
            piece,
            "heap",
            "-Xmx",
            "no -Xmx: kafka-server-start.sh takes a heap of 1 GB, too little for a broker under load",
            "set KAFKA_HEAP_OPTS='-Xms6g -Xmx6g'",
        )
        return
    if most < _LEAST_HEAP:
        yield found(piece, "heap", "-Xmx", f"{how(piece, '-Xmx')}: a broker under load needs more than "
                    "2 GB", "set -Xms and -Xmx to 4 to 6 GB", "advice")  # fmt: skip
    if most >= _OOPS:
        yield found(piece, "heap", "-Xmx", f"{how(piece, '-Xmx')}: pointers are twice as wide from 32 GB on, and the "
                    "page cache is what Kafka needs", "stay at 6 GB or so", "advice")  # fmt: skip
    if least != most:
        yield found(
            piece, "heap", "-Xms", "-Xms and -Xmx differ: the heap grows under load", "set both alike", "advice"
        )


def kernel(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in sysctl settings."""
    maps = piece.number("vm.max_map_count")
    if maps is not None and maps < _MAPS:
        yield found(
            piece,
            "maps",
            "vm.max_map_count",
            f"{how(piece, 'vm.max_map_count')}: each segment takes two areas, "
            "and a broker that runs out of them crashes",
            f"write vm.max_map_count={_MAPS} or more",
        )
    swap = piece.number("vm.swappiness")
    if swap is not None and swap > 10:
        yield found(
            piece,
            "swap",
            "vm.swappiness",
            f"{how(piece, 'vm.swappiness')}: a broker that is swapped out misses its session",
            "write vm.swappiness=1",
        )


def limits(piece: Piece) -> Iterator[Finding]:
    """Yield what is unsafe in a service's limits."""
    files = piece.number("LimitNOFILE")
    if files is not None and files < _FILES:
        yield found(
            piece,
            "files",
            "LimitNOFILE",
            f"{how(piece, 'LimitNOFILE')}: segments and connections are files, and "
            "a broker that runs out of them stops",
            f"write LimitNOFILE={_FILES} or more",
        )
