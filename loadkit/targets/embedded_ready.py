"""Asking a broker which brokers are alive, by one Metadata request over a plain socket.

No Kafka client is needed (or wanted: this runs before one could connect). Layouts are those of
https://kafka.apache.org/protocol#The_Messages_Metadata, version 1, which brokers from 0.10 to 4.x answer.
"""

from __future__ import annotations

import socket
import struct

from loadkit.targets.versions import exactly

_METADATA, _API_VERSION, _CORRELATION = 3, 1, 1
_CLIENT = b"loadkit"
_PATIENCE = 2.0


def live_brokers(port: int) -> frozenset[int]:
    """Return the ids of the unfenced brokers, as the one on 127.0.0.1:`port` knows them; none if it does not answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            connection.sendall(request())
            (size,) = struct.unpack(">i", exactly(connection, 4))
            return brokers(exactly(connection, size))
    except (OSError, struct.error, EOFError):
        return frozenset()


def request() -> bytes:
    """Return a whole Metadata request that asks for no topic."""
    header = struct.pack(">hhih", _METADATA, _API_VERSION, _CORRELATION, len(_CLIENT)) + _CLIENT
    body = struct.pack(">i", 0)
    return struct.pack(">i", len(header) + len(body)) + header + body


def brokers(response: bytes) -> frozenset[int]:
    """Return the node ids of a response: correlation, count, then (id, host, port, rack or -1) each.

    Raises struct.error when it is cut short.
    """
    (count,) = struct.unpack_from(">i", response, 4)
    at, ids = 8, set()
    for _ in range(count):
        node, host = struct.unpack_from(">ih", response, at)
        at += 6 + host + 4
        (rack,) = struct.unpack_from(">h", response, at)
        at += 2 + max(rack, 0)
        ids.add(node)
    return frozenset(ids)
