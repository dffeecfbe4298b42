"""A TCP proxy before one broker that stops reading requests now and then: `python -m trust.stages.narrow BROKER_PORT`.

Its receive buffer is small, so what it does not read stays in the client (`trust.proxy` reads at once and keeps it
itself). Prints the port it listens on and serves until stdin closes. Responses pass at once, with the broker's address
replaced.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from trust.proxy.server import HOST, frame_of, readdressed

EVERY, CLOSED = 1.5, 0.6
"""Of each so many seconds nothing is read for so many at the end."""
BUFFER = 4096
"""Bytes the kernel takes for the proxy before it tells the client to wait."""


async def _requests(client: asyncio.StreamReader, broker: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    while True:
        left = EVERY - loop.time() % EVERY
        if left <= CLOSED:
            await asyncio.sleep(left)
        piece = await client.read(BUFFER)
        if not piece:
            return
        broker.write(piece)
        await broker.drain()


async def _responses(broker: asyncio.StreamReader, client: asyncio.StreamWriter, ports: dict[int, int]) -> None:
    while True:
        frame = readdressed(await frame_of(broker), ports)
        client.write(struct.pack(">i", len(frame)) + frame)
        await client.drain()


def _server(broker: int, port: int) -> Callable[..., Coroutine[Any, Any, None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(HOST, broker)
        ways = _requests(reader, to_broker), _responses(from_broker, writer, {broker: port})
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for side in (to_broker, writer):
            side.close()

    return serve


async def _main(broker: int) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # before listening: connections inherit it
    listening.bind((HOST, 0))
    port = listening.getsockname()[1]
    # the reader holds twice its limit back by itself, so a small one keeps what is unread out of this process
    server = await asyncio.start_server(_server(broker, port), sock=listening, limit=BUFFER // 2)
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(int(sys.argv[1])))
