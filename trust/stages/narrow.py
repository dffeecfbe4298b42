"""A TCP proxy before one broker that stops reading requests now and then: `python -m trust.stages.narrow BROKER_PORT`.

Its receive buffer is small, so what it does not read stays in the client. Prints the port it listens on and serves
until stdin closes. Responses pass at once, with the broker's address replaced as in `bench.proxy`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

from bench.proxy import HOST, Proxy

EVERY, CLOSED = 1.5, 0.6
"""Of each so many seconds nothing is read for so many at the end."""
BUFFER = 4096
"""Bytes the kernel takes for the proxy before it tells the client to wait."""


class Narrow(Proxy):
    """A proxy that passes requests on as they come, but for the times in which it does not read."""

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, asked: dict[int, int]
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = EVERY - loop.time() % EVERY
            if left <= CLOSED:
                await asyncio.sleep(left)
            piece = await reader.read(BUFFER)
            if not piece:
                return
            upstream.write(piece)
            await upstream.drain()


async def _main(broker: int) -> None:
    proxy = Narrow(broker, 0.0)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # before listening: connections inherit it
    listening.bind((HOST, 0))
    proxy.port = listening.getsockname()[1]
    # the reader holds twice its limit back by itself, so a small one keeps what is unread out of this process
    server = await asyncio.start_server(proxy.serve, sock=listening, limit=BUFFER // 2)
    print(proxy.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(int(sys.argv[1])))
