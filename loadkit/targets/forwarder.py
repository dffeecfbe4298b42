"""Passes TCP on to brokers of this machine, and holds back what would go to or come from one that is cut off.

    python -I -S forwarder.py ROUTES CUT

A process of its own, started by the supervisor. It uses the standard library alone and imports nothing of loadkit.

ROUTES is a JSON list of `[host, port, ids]`: who connects to that host and port is passed on to 127.0.0.1 at the same
port, unless a broker of `ids` is cut off. CUT is a JSON list of the ids that are cut off, read anew at SIGUSR1.

As behind a network that drops packets, nothing is refused or reset while a route is cut: a connection that stands or is
made stays open and silent, and what was sent on it meanwhile goes on its way when the cut is healed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

_HOME = "127.0.0.1"
_AT_ONCE = 1 << 16


class Route:
    """One place to connect to, and whether it is open."""

    def __init__(self, host: str, port: int, ends: list[int]) -> None:
        self.host, self.port, self.ends = host, port, frozenset(ends)
        self._open = asyncio.Event()

    def follow(self, cut: set[int]) -> None:
        """Open or close it, by the ids that are cut off."""
        if self.ends & cut:
            self._open.clear()
        else:
            self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both sides have closed it or one has broken it."""
        await self._open.wait()
        try:
            back, forth = await asyncio.open_connection(_HOME, self.port)
        except OSError:  # the broker is not there
            writer.transport.abort()
            return
        ways = [asyncio.create_task(self._carry(*way)) for way in ((reader, forth), (back, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for side in (forth, writer):
            side.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            data = await reader.read(_AT_ONCE)
            await self._open.wait()
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


async def _main(routes: Path, cut: Path) -> None:
    found = [Route(*one) for one in json.loads(routes.read_text("utf-8"))]

    def follow() -> None:
        now = set(json.loads(cut.read_text("utf-8")))
        for route in found:
            route.follow(now)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, follow)
    follow()
    servers = [await asyncio.start_server(route.serve, route.host, route.port) for route in found]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), Path(sys.argv[2])))
