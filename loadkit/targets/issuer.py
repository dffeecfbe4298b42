"""Issues signed tokens for OAUTHBEARER, as a company's identity provider does; on loopback, for an embedded cluster.

    python -I -S issuer.py PORT FOLDER OPENSSL

A process of its own, started by the supervisor. It uses the standard library alone and imports nothing of loadkit.
FOLDER holds `token.key` and `token.der` (RSA, private and public) and `password`, the secret of every client.

POST /token answers the client credentials grant (RFC 6749, 4.4) with a JSON web token (RFC 7519) signed by RS256 that
holds for a minute, POST /token/SECONDS with one that holds for so long: an earlier one is over (SECONDS below 0).
GET /jwks gives the public key (RFC 7517), by which brokers check tokens without asking anybody.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIFETIME = 60
_HOME = "127.0.0.1"
_KEY_ID, _AUDIENCE = "loadkit", "kafka"
_EXPONENT = b"\x01\x00\x01"


def encoded(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def modulus(der: bytes) -> bytes:
    """Return the modulus of an RSA public key in DER, whose exponent is 65537; ValueError for another.

    The key ends with two integers (RFC 8017, A.1.1): the modulus, of an odd number of bytes for its leading 0, and the
    exponent.
    """
    tail = b"\x02\x03" + _EXPONENT
    body = der.removesuffix(tail)
    at = body.find(b"\x02\x82") if body != der else -1
    size = int.from_bytes(body[at + 2 : at + 4], "big") if at >= 0 else -1
    if size != len(body) - at - 4:
        raise ValueError("this is not an RSA public key with the usual exponent")
    return body[at + 4 :].lstrip(b"\0")


def key_set(der: bytes) -> dict[str, Any]:
    """Return the JSON web key set of one public key."""
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID, "e": encoded(_EXPONENT)}
    return {"keys": [{**key, "n": encoded(modulus(der))}]}


def unsigned(subject: str, issuer: str, now: int, lifetime: int) -> str:
    """Return header and claims of a token, which are what is signed; `now` in seconds since 1970."""
    issued = min(now, now + lifetime - 1)
    claims = {
        "iss": issuer, "sub": subject, "aud": _AUDIENCE, "scope": _AUDIENCE, "iat": issued, "exp": now + lifetime,
        "jti": secrets.token_hex(8),
    }  # fmt: skip
    parts = ({"alg": "RS256", "typ": "JWT", "kid": _KEY_ID}, claims)
    return ".".join(encoded(json.dumps(part).encode()) for part in parts)


class Issuer(ThreadingHTTPServer):
    """The server and its keys."""

    daemon_threads = True

    def __init__(self, port: int, folder: Path, openssl: str) -> None:
        """Listen on a port of 127.0.0.1."""
        super().__init__((_HOME, port), Handler)
        self.name = f"http://{_HOME}:{port}"
        self.secret = (folder / "password").read_text("utf-8").strip()
        self.keys = key_set((folder / "token.der").read_bytes())
        self._sign = [openssl, "dgst", "-sha256", "-sign", str(folder / "token.key")]

    def token(self, subject: str, lifetime: int) -> str:
        """Return a signed token."""
        text = unsigned(subject, self.name, int(time.time()), lifetime)
        signature = subprocess.run(self._sign, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
        return f"{text}.{encoded(signature)}"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Issuer

    def do_GET(self) -> None:
        """Give the public keys."""
        self._answer(200, self.server.keys) if self.path == "/jwks" else self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """Issue a token to a client that knows the secret."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name, _, lifetime = self.path.strip("/").partition("/")
        if name != "token" or not (lifetime or "0").removeprefix("-").isdigit():
            self._answer(404, {"error": "not_found"})
            return
        client = self._client()
        if client is None:
            self._answer(401, {"error": "invalid_client", "error_description": "unknown client or wrong secret"})
            return
        seconds = int(lifetime) if lifetime else LIFETIME
        token = self.server.token(client, seconds)
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    def _client(self) -> str | None:
        """Return who asks, by HTTP's basic login; None where the secret is wrong."""
        kind, _, text = self.headers.get("Authorization", "").partition(" ")
        try:
            name, _, secret = base64.b64decode(text).decode("utf-8").partition(":")
        except ValueError:
            return None
        known = secrets.compare_digest(secret.encode(), self.server.secret.encode())
        return name if kind.lower() == "basic" and name and known else None

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        """Say what was asked, never what was answered; it goes to the cluster's folder."""
        print(f"{self.command} {self.path}: {format % values}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    Issuer(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).serve_forever()
