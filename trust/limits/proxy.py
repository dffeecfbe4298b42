"""The delaying proxy of the bench with a limit on bytes a second besides.

`python -m trust.limits.proxy PORT DELAY RATE` prints the port it listens on and serves until stdin
closes. RATE 0 is no limit.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass

from bench.proxy import HOST, Proxy

SLICE = 16_384
"""Bytes that pass at once."""


@dataclass(slots=True)
class NarrowProxy(Proxy):
    """A proxy whose requests pass at so many bytes a second, all connections together."""

    rate: float = 0.0
    _free: float = 0.0
    """When the line is free again, on the loop's clock."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection through the narrow line until either side closes it."""
        if not self.rate:
            await Proxy.serve(self, reader, writer)
            return
        narrow = asyncio.StreamReader(limit=1 << 22)
        feeding = asyncio.create_task(self._feed(reader, narrow))
        try:
            await Proxy.serve(self, narrow, writer)
        finally:
            feeding.cancel()

    async def _feed(self, wide: asyncio.StreamReader, narrow: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        while data := await wide.read(SLICE):
            self._free = max(self._free, loop.time()) + len(data) / self.rate
            await asyncio.sleep(self._free - loop.time())
            narrow.feed_data(data)
        narrow.feed_eof()


async def _main(broker: int, delay: float, rate: float) -> None:
    proxy = NarrowProxy(broker, delay, rate=rate)
    server = await asyncio.start_server(proxy.serve, HOST, 0, limit=1 << 17)
    proxy.port = server.sockets[0].getsockname()[1]
    print(proxy.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
