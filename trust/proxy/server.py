"""The proxy itself: a listener a broker, and for each connection who reads and who writes, each way.

Every broker's own address in responses (Metadata, FindCoordinator, ...) is replaced by its listener's: host and port
keep their lengths, so nothing else in a response changes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic_ns, time_ns

from trust.proxy import wire
from trust.proxy.behaviour import Behaviour, Clock, Link, Way
from trust.proxy.record import Passed, Record
from trust.proxy.wire import Part, WireError

HOST = "127.0.0.1"
_LARGEST = 1 << 27
_LIMIT = 1 << 22
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a reset."""

Noted = Callable[[int, int], None]
"""What is left to do once a frame has left, which it did between two instants."""


def readdressed(frame: bytes, ports: dict[int, int]) -> bytes:
    """Return a response in which brokers' addresses are the proxy's: the host's text, then the port as an int32."""
    host = HOST.encode("ascii")
    if host in frame:
        for broker, ours in ports.items():
            frame = frame.replace(host + struct.pack(">i", broker), host + struct.pack(">i", ours))
    return frame


async def frame_of(reader: asyncio.StreamReader) -> bytes:
    """Return the next length-prefixed frame; IncompleteReadError at the end."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 <= size <= _LARGEST:
        raise WireError(f"a frame of {size} bytes")
    return await reader.readexactly(size)


@dataclass(frozen=True, slots=True)
class Asked:
    """A produce or fetch that awaits its response."""

    head: wire.Head
    request_ns: int
    parts: list[Part]

    def parts_in(self, response: bytes) -> tuple[Part, ...]:
        """Return which records it wrote or got."""
        if self.head.key == wire.PRODUCE:
            return tuple(wire.placed(response, self.head.version, self.parts))
        return tuple(wire.fetched(response, self.head.version))


@dataclass(slots=True)
class Proxy:
    """All connections to some brokers; `failed` is set when bytes came that it cannot read."""

    behaviour: Behaviour
    begun: Callable[[], None] = lambda: None
    """Called when the clock begins."""
    seed: int = 1
    log: list[Passed] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    ports: dict[int, int] = field(default_factory=dict)
    """Each broker's port to ours."""
    clock: Clock = field(default_factory=Clock)
    failed: asyncio.Future[None] | None = None
    _records: int = 0
    _open: set[Connection] = field(default_factory=set)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _wall_ns: int = 0
    _random: Random = field(default_factory=Random)
    _resetting: asyncio.Task[None] | None = None

    async def listen(self, brokers: Sequence[int]) -> list[int]:
        """Return our port for each broker's."""
        self._wall_ns, self._random = time_ns() - monotonic_ns(), Random(self.seed)
        self.failed = asyncio.get_running_loop().create_future()
        for broker in brokers:
            links = Link(self.behaviour, self.clock), Link(self.behaviour, self.clock)
            server = await asyncio.start_server(self._server(broker, *links), HOST, 0, limit=_LIMIT)
            self._servers.append(server)
            self.ports[broker] = server.sockets[0].getsockname()[1]
        return [self.ports[broker] for broker in brokers]

    def record(self) -> Record:
        """Return what was logged so far."""
        return Record(self.log, self._wall_ns, time_ns() - monotonic_ns(), self.resets)

    def close(self) -> None:
        """Listen no more and close every connection."""
        if self._resetting:
            self._resetting.cancel()
        for server in self._servers:
            server.close()
        for connection in list(self._open):
            connection.close()

    def count(self, now_ns: int, records: int) -> None:
        """Count records that are produced; begin the schedule of faults when they are enough."""
        self._records += records
        if self.clock.zero_ns is None and self._records > self.behaviour.after:
            self.clock.zero_ns = now_ns
            self._resetting = asyncio.create_task(self._reset_on_time(now_ns))
            self.begun()

    def reset(self) -> None:
        """Reset every connection on both sides; what was under way is gone."""
        self.resets.append(monotonic_ns())
        for connection in list(self._open):
            connection.reset()

    def fail(self, error: Exception) -> None:
        """Tell whoever waits on `failed`; later errors say no more than the first."""
        if self.failed and not self.failed.done():
            self.failed.set_exception(error)

    async def _reset_on_time(self, zero_ns: int) -> None:
        for at in self.behaviour.resets:
            await until(zero_ns + round(at * 1e9))
            self.reset()

    def _server(self, broker: int, up: Link, down: Link) -> Callable[..., asyncio.Future[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                from_broker, to_broker = await asyncio.open_connection(HOST, broker, limit=_LIMIT)
            except OSError:  # a broker that is gone: its clients are to see that
                writer.transport.abort()
                return
            ways = Way(up, False), Way(down, True, Random(self._random.random()))
            connection = Connection(self, (reader, to_broker), (from_broker, writer), ways)
            self._open.add(connection)
            with suppress(asyncio.CancelledError):  # at the end: asyncio would print it as an error
                await connection.carry()
            self._open.discard(connection)

        return serve  # type: ignore[return-value]


class Connection:
    """One client's connection to one broker."""

    def __init__(
        self, proxy: Proxy, requests: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        responses: tuple[asyncio.StreamReader, asyncio.StreamWriter], ways: tuple[Way, Way],
    ) -> None:  # fmt: skip
        self._proxy = proxy
        self._requests, self._responses, self._ways = requests, responses, ways
        self._asked: dict[int, Asked] = {}
        self._writers = requests[1], responses[1]

    async def carry(self) -> None:
        """Carry frames both ways until either side closes or is reset."""
        to_broker: Waiting = asyncio.Queue()
        to_client: Waiting = asyncio.Queue()
        for writer in self._writers:
            writer.transport.set_write_buffer_limits(high=0)  # so that `drain` waits for the last byte
        tasks = [
            asyncio.create_task(self._take_requests(to_broker)), asyncio.create_task(self._take_responses(to_client)),
            asyncio.create_task(_give(self._requests[1], to_broker)),
            asyncio.create_task(_give(self._responses[1], to_client)),
        ]  # fmt: skip
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for error in filter(None, (task.exception() for task in done)):
            if not isinstance(error, (OSError, asyncio.IncompleteReadError)):
                self._proxy.fail(error)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close both sides."""
        for writer in self._writers:
            writer.close()

    def reset(self) -> None:
        """Reset both sides at once."""
        for writer in self._writers:
            with suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _take_requests(self, waiting: Waiting) -> None:
        while True:
            frame = await frame_of(self._requests[0])
            now, asked = monotonic_ns(), wire.head(frame)
            noted = None
            if asked.key in wire.VERSIONS:
                wire.check(asked)
                parts = wire.produced(frame) if asked.key == wire.PRODUCE else []
                self._proxy.count(now, sum(part.count for part in parts))
                noted = self._awaiting(asked, parts)
            waiting.put_nowait((self._ways[0].leaves(now, len(frame) + 4), frame, noted))

    def _awaiting(self, asked: wire.Head, parts: list[Part]) -> Noted:
        def note(left_ns: int, _: int) -> None:
            self._asked[asked.correlation] = Asked(asked, left_ns, parts)

        return note

    async def _take_responses(self, waiting: Waiting) -> None:
        while True:
            frame = await frame_of(self._responses[0])
            now, asked = monotonic_ns(), self._asked.pop(wire.correlation_of(frame), None)
            noted = self._answered(asked, asked.parts_in(frame)) if asked else None
            out = readdressed(frame, self._proxy.ports)
            waiting.put_nowait((self._ways[1].leaves(now, len(out) + 4), out, noted))

    def _answered(self, asked: Asked, parts: tuple[Part, ...]) -> Noted:
        def note(left_ns: int, returned_ns: int) -> None:
            kind = wire.NAMES[asked.head.key]
            self._proxy.log.append(Passed(kind, asked.request_ns, left_ns, returned_ns, parts))

        return note


Waiting = asyncio.Queue[tuple[int, bytes, Noted | None]]
"""Frames of one way, each with when it is to leave and what is to be noted then."""


async def _give(writer: asyncio.StreamWriter, waiting: Waiting) -> None:
    """Write each frame at its time; note it when its last byte is gone.

    The clock is read before the call that hands the bytes over: who waits for them is woken by it, and on a busy
    machine takes this process's core before the call returns. Where not all was taken at once it is read after.
    """
    while True:
        at, frame, noted = await waiting.get()
        await until(at)
        left = monotonic_ns()
        writer.write(struct.pack(">i", len(frame)) + frame)
        if writer.transport.get_write_buffer_size():
            await writer.drain()
            left = monotonic_ns()
        if writer.is_closing():
            return
        if noted:
            noted(left, monotonic_ns())


async def until(at_ns: int) -> None:
    """Return at an instant of the monotonic clock or, by a millisecond at most on an idle machine, after it."""
    while (left := at_ns - monotonic_ns()) > 0:
        await asyncio.sleep(left / 1e9)


def addresses(ports: Iterable[int]) -> str:
    """Return ports of this machine as `bootstrap.servers` takes them."""
    return ",".join(f"{HOST}:{port}" for port in ports)
