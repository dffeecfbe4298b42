"""Which Kafka a broker is, from one ApiVersions request; it is answered before any login.

Layouts: https://kafka.apache.org/protocol#The_Messages_ApiVersions, version 3. No client library tells it.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_API_VERSIONS, _VERSION, _CORRELATION = 18, 3, 7
_FETCH = 1
_RELEASES = (
    (1, "3.0"), (2, "3.1"), (3, "3.2"), (4, "3.3"), (8, "3.4"), (9, "3.5"), (12, "3.6"), (15, "3.7"),
    (20, "3.8"), (21, "3.9"), (22, "4.0"), (26, "4.1"), (28, "4.2"), (30, "4.3"), (31, "4.4"),
)  # fmt: skip
"""The first `metadata.version` of each release (MetadataVersion.java of Kafka 4.3.1)."""
_BY_FETCH = ((11, "2.3"), (12, "2.7"), (13, "3.1"), (14, "3.5"), (15, "3.5"), (16, "3.7"), (17, "3.9"))
"""The first release whose Fetch goes to this version, for brokers without features."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a broker says of itself."""

    apis: Mapping[int, int]
    """The newest version of each API by its key."""
    features: Mapping[str, int]
    """The highest level of each feature this software knows."""
    finalized: Mapping[str, int]
    """The level of each feature the cluster is at."""

    @property
    def release(self) -> str:
        """The Kafka release, such as `4.3`; `at least 3.5` where only the protocol tells; empty where nothing does."""
        level = self.features.get("metadata.version", 0)
        found = [name for first, name in _RELEASES if first <= level]
        if found:
            return found[-1]
        fetched = [name for first, name in _BY_FETCH if first <= self.apis.get(_FETCH, 0)]
        return f"at least {fetched[-1]}" if fetched else ""


def ask(host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> Answer | None:
    """Return what a broker says of itself, or None where it does not answer; `context` where it speaks TLS."""
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=timeout) as plain:
            stream = context.wrap_socket(plain, server_hostname=host.strip("[]")) if context else plain
            with stream:
                stream.sendall(request())
                (size,) = struct.unpack(">i", exactly(stream, 4))
                return parse(exactly(stream, size)) if 0 < size < 1 << 20 else None
    except (OSError, EOFError, struct.error, ValueError, IndexError):
        return None


def tls(config: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the TLS settings of a librdkafka config for Python's sockets, or None where it has none.

    Raises OSError where a file cannot be read. PKCS#12 stores are not read, so a broker that asks for one
    will not answer.
    """
    if not config.get("security.protocol", "").endswith("ssl"):
        return None
    place = config.get("ssl.ca.location")
    context = ssl.create_default_context(cafile=None if place == "probe" else place, cadata=config.get("ssl.ca.pem"))
    if config.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if config.get("enable.ssl.certificate.verification") == "false":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate := config.get("ssl.certificate.location"):
        context.load_cert_chain(certificate, config.get("ssl.key.location"), config.get("ssl.key.password"))
    return context


def request() -> bytes:
    """Return a whole ApiVersions request."""
    client = b"loadkit"
    header = struct.pack(">hhih", _API_VERSIONS, _VERSION, _CORRELATION, len(client)) + client + b"\0"
    body = bytes([len(client) + 1]) + client + bytes([2]) + b"1" + b"\0"
    return struct.pack(">i", len(header) + len(body)) + header + body


def parse(response: bytes) -> Answer:
    """Return the answer in a response; one of version 0 comes from brokers older than 2.4.

    Raises ValueError, IndexError or struct.error for what is no such response.
    """
    correlation, error = struct.unpack_from(">ih", response)
    if correlation != _CORRELATION or error not in (0, 35):
        raise ValueError(f"error {error} to request {correlation}")
    if error == 35:
        (count,) = struct.unpack_from(">i", response, 6)
        triples = struct.iter_unpack(">hhh", response[10 : 10 + 6 * count])
        return Answer({key: newest for key, _, newest in triples}, {}, {})
    reader = _Reader(response, 6)
    apis = {}
    for _ in range(reader.count()):
        key, _, apis[key] = reader.take(">hhh")
        reader.skip_tags()
    reader.take(">i")
    tags = dict(reader.tags())
    return Answer(apis, _features(tags.get(0), highest=1), _features(tags.get(2), highest=0))


def _features(data: bytes | None, highest: int) -> dict[str, int]:
    """Return name to level of a compact array of (name, level, level); `highest` says which is the upper."""
    if data is None:
        return {}
    reader, found = _Reader(data, 0), {}
    for _ in range(reader.count()):
        name = reader.raw(reader.varint() - 1).decode()
        found[name] = reader.take(">hh")[highest]
        reader.skip_tags()
    return found


class _Reader:
    """Reads the protocol's flexible encoding from left to right."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def raw(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def count(self) -> int:
        return max(0, self.varint() - 1)

    def tags(self) -> Iterator[tuple[int, bytes]]:
        for _ in range(self.varint()):
            tag, size = self.varint(), self.varint()
            yield tag, self.raw(size)

    def skip_tags(self) -> None:
        for _ in self.tags():
            pass


def exactly(stream: socket.socket, size: int) -> bytes:
    """Return the next `size` bytes of a stream; EOFError when it ends before."""
    data = b""
    while len(data) < size:
        part = stream.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
