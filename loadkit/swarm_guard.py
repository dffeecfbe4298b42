"""What passes between master and load processes: encrypted where there is a token, and never with a secret in it.

Locust's connections are ZeroMQ's, and ZeroMQ has CurveZMQ (rfc.zeromq.org/spec/26): who connects must know the public
key of who listens, and nobody learns it from what passes. Here both make the master's keys of one token, so the public
key is known to who has the token and to nobody else: a stranger's handshake fails, and a false master can read none.
"""

from __future__ import annotations

import hashlib
from typing import Any

import zmq
from locust.rpc import zmqrpc
from zmq.utils import z85

from loadkit.secrets import MASK

WORDS = ("exception", "logs")
"""Locust's own messages that carry texts of others: of exceptions, and lines of logs."""


def keys(token: str) -> tuple[bytes, bytes]:
    """Return the master's public and secret key, as Z85 text, of a token; slow on purpose, a tenth of a second."""
    raw = hashlib.scrypt(token.encode(), salt=b"loadkit master", n=2**14, r=8, p=1, dklen=32)
    secret = z85.encode(raw)
    return zmq.curve_public(secret), secret


def guard(token: str) -> None:
    """Encrypt all of Locust's connections of this process that are made from now on, also those made anew."""
    public, secret = keys(token)
    plain = zmqrpc.BaseSocket.__init__

    def begin(self: Any, kind: int, *rest: Any) -> None:
        plain(self, kind, *rest)
        if kind == zmq.ROUTER:
            self.socket.curve_server = True
            self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        else:
            self.socket.curve_publickey, self.socket.curve_secretkey = zmq.curve_keypair()
            self.socket.curve_serverkey = public

    zmqrpc.BaseSocket.__init__ = begin


def mask() -> None:
    """Hide secrets in texts that Locust itself sends from this process, from now on."""
    plain = zmqrpc.Client.send

    def send(self: Any, message: Any) -> None:
        if message.type in WORDS:
            message.data = MASK.hide(message.data)
        plain(self, message)

    zmqrpc.Client.send = send
