"""A TCP proxy before one broker that holds every response back for a known time and logs each produce request.

`python -m bench.proxy BROKER_PORT DELAY LOG`: prints the port it listens on, serves until stdin closes, then
writes LOG: lines of two wall-clock nanoseconds, when a produce request had passed and when its response had left.
The broker's own address in responses (Metadata, FindCoordinator, ...) is replaced by the proxy's: host and
port keep their lengths, so nothing else in a response changes.
"""

from __future__ import annotations

import asyncio
import gc
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns

HOST = "127.0.0.1"
PRODUCE = 0
_LARGEST = 1 << 27


@dataclass(frozen=True, slots=True)
class Passed:
    """One produce request, in nanoseconds of the wall clock."""

    request_ns: int
    """When all of it had been passed on to the broker."""
    response_ns: int
    """When all of its delayed response had been written to the client."""


def readdressed(frame: bytes, broker: int, proxy: int) -> bytes:
    """Return a response in which the broker's address is the proxy's: the host's text, then the port as an int32."""
    host = HOST.encode("ascii")
    return frame.replace(host + struct.pack(">i", broker), host + struct.pack(">i", proxy))


def api_and_correlation(frame: bytes) -> tuple[int, int]:
    """Return API key and correlation id of a request (without its length)."""
    key, _, correlation = struct.unpack_from(">hhi", frame)
    return key, correlation


def correlation_of(frame: bytes) -> int:
    """Return the correlation id of a response (without its length)."""
    (correlation,) = struct.unpack_from(">i", frame)
    return int(correlation)


def read_log(text: str) -> list[Passed]:
    """Return what the proxy logged."""
    return [Passed(*map(int, line.split())) for line in text.splitlines()]


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Return the next length-prefixed frame; IncompleteReadError at the end."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 <= size <= _LARGEST:
        raise ConnectionError(f"a frame of {size} bytes")
    return await reader.readexactly(size)


@dataclass(slots=True)
class Proxy:
    """All connections to one broker."""

    broker: int
    delay: float
    port: int = 0
    log: list[Passed] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side closes it."""
        upstream_reader, upstream = await asyncio.open_connection(HOST, self.broker, limit=1 << 22)
        asked: dict[int, int] = {}
        tasks = [
            asyncio.create_task(self._requests(reader, upstream, asked)),
            asyncio.create_task(self._responses(upstream_reader, writer, asked)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for side in (upstream, writer):
            side.close()

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            key, correlation = api_and_correlation(frame)
            upstream.write(struct.pack(">i", len(frame)) + frame)
            if key == PRODUCE:
                asked[correlation] = time_ns()
            await upstream.drain()

    async def _responses(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        """Write each response `delay` after it came; timers of one loop with one delay keep their order."""
        loop = asyncio.get_running_loop()
        while True:
            frame = readdressed(await _frame(reader), self.broker, self.port)
            loop.call_later(self.delay, self._answer, writer, frame, asked)

    def _answer(self, writer: asyncio.StreamWriter, frame: bytes, asked: dict[int, int]) -> None:
        if writer.is_closing():
            return
        writer.write(struct.pack(">i", len(frame)) + frame)
        begun = asked.pop(correlation_of(frame), None)
        if begun is not None:
            self.log.append(Passed(begun, time_ns()))


async def _main(broker: int, delay: float, log: Path) -> None:
    proxy = Proxy(broker, delay)
    server = await asyncio.start_server(proxy.serve, HOST, 0, limit=1 << 22)
    proxy.port = server.sockets[0].getsockname()[1]
    print(proxy.port, flush=True)
    gc.freeze()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    log.write_text("".join(f"{one.request_ns} {one.response_ns}\n" for one in proxy.log), "ascii")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
