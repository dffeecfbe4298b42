"""librdkafka's own mock cluster, in this process: a broker's protocol with nothing behind it.

It confirms what it is sent and keeps the last 5 MB of a partition, so it shows what the client can do and is no target
to learn about. It has one thread, which costs the process about as much as the client's own.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping

from loadkit.errors import TargetError
from loadkit.targets import librdkafka

LOUD = b"4"
"""Log level: without it the library tells on stderr of every mock cluster."""


class Mock:
    """A mock cluster of one broker; it ends when nothing refers to it any more."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        """Start it with topics of so many partitions. Raises TargetError where the library cannot be called."""
        try:
            lib = librdkafka.library()
        except librdkafka.Unavailable as why:
            raise TargetError(f"librdkafka's mock cluster cannot be had here: {why}; use simulated?sink=1") from None
        conf, said = lib.conf_new(), ctypes.create_string_buffer(512)
        lib.conf_set(conf, b"log_level", LOUD, said, len(said))
        handle = lib.new(librdkafka.PRODUCER, conf, said, len(said))
        cluster = lib.mock_cluster_new(handle, 1) if handle else None
        if not cluster:
            raise TargetError(f"librdkafka's mock cluster did not start: {said.value.decode(errors='replace')}")
        self._end = weakref.finalize(self, _end, lib, cluster, handle)
        for name, partitions in topics.items():
            lib.mock_topic_create(cluster, name.encode(), partitions, 1)
        self.bootstrap: str = lib.mock_cluster_bootstraps(cluster).decode()

    def close(self) -> None:
        """End it now."""
        self._end()


def _end(lib: librdkafka.Library, cluster: int, handle: int) -> None:
    lib.mock_cluster_destroy(cluster)
    lib.destroy(handle)
