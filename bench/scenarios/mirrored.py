"""One load process that stands for many: what it tells its master is told by so many others too, each in its own name.

`LOADKIT_BENCH_MIRRORS` says how many others. To the master they are load processes that join, take users, report every
second what they measured and end; they have connections of their own and make no load.
"""

import os
from typing import Any

from locust.rpc import Message, zmqrpc

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

MIRRORS = int(os.environ.get("LOADKIT_BENCH_MIRRORS", "0"))
orders = Topic("orders", partitions=12)


class Checkout(ProducerUser):
    """A producer for each load process."""

    fixed_count = 1 + MIRRORS
    topic = orders
    rate = 1000 * (1 + MIRRORS)
    payload = payloads.json_like(size="1KiB")


class Billing(ConsumerUser):
    """A consumer for each."""

    fixed_count = 1 + MIRRORS
    topic = orders


def named(identity: str, at: int) -> str:
    """Return the name of a mirror: as long as the real one's, so that it can take its place in what was packed."""
    return f"{identity[:-4]}{at:04x}"


def mirror(count: int) -> None:
    """Have everything that this process tells its master told by `count` others."""
    begin, tell = zmqrpc.Client.__init__, zmqrpc.Client.send

    def begun(self: Any, host: str, port: int, identity: str) -> None:
        begin(self, host, port, identity)
        self.mirrors = []
        for at in range(1, count + 1):
            one = object.__new__(zmqrpc.Client)
            begin(one, host, port, named(identity, at))
            self.mirrors.append(one)

    def told(self: Any, message: Message) -> None:
        tell(self, message)
        for at, one in enumerate(self.mirrors, 1):
            data = message.data
            if message.type in ("loadkit_joined", "loadkit_left"):
                data = {**data, "number": data["number"] + (at << 32)}
            packed = Message(message.type, data, message.node_id).serialize()
            name = message.node_id.encode()
            one.socket.send(packed.replace(name, named(message.node_id, at).encode()))

    zmqrpc.Client.__init__, zmqrpc.Client.send = begun, told


if MIRRORS and os.environ.get("LOADKIT_BENCH_MIRROR"):
    mirror(MIRRORS)
