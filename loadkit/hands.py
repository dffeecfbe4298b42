"""Who makes the load of a command: its own process, processes that it starts, or load processes that join it.

A master that others than this machine can reach takes no stranger: both sides have a token, of which the keys of their
connection are made (`swarm_guard.py`), or `--allow-public` says that anybody may join and listen.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadkit.errors import UsageError
from loadkit.secrets import MASK

HERE, PORT = "127.0.0.1", 5557
TOKEN = "LOADKIT_TOKEN"
"""The environment variable that holds the token, where no file is named."""
SHORTEST = 16
"""Characters of a token: what passes on a connection lets who listens try out short ones."""
_MAKE = "python3 -c 'import secrets; print(secrets.token_hex(16))' > TOKEN_FILE makes one"
_WAY = f"give both sides a token (--token-file or {TOKEN}; {_MAKE})"


@dataclass(frozen=True, slots=True)
class Hands:
    """Who makes the load; by itself the command's own process."""

    own: int = 0
    """Processes that the command starts on this machine."""
    expected: int = 0
    """Load processes that others start, and that are waited for."""
    host: str = HERE
    port: int = 0
    """Where the master listens; 0: at any free port."""
    token: str = field(default="", repr=False)
    within: float = 300.0
    """Seconds in which those expected must have come."""
    public: bool = False
    """Whether what has no authentication may be reached from other machines: the network keeps strangers out."""

    @property
    def others(self) -> int:
        """How many load processes there are to be besides the command's own process, which then makes no load."""
        return self.own + self.expected


ALONE = Hands()


def hands(
    workers: int, expected: int, bind: str | None, token_file: Path | None, allow_public: bool, within: str | None,
    served: bool = False,
) -> Hands:  # fmt: skip
    """Return who makes the load as the flags say it; `served`: metrics are, too. Raises UsageError."""
    if not expected:
        given = {"--master-bind": bind, "--token-file": token_file, "--allow-public": allow_public and not served,
                 "--expect-within": within}  # fmt: skip
        for flag, value in given.items():
            if value:
                raise UsageError(f"{flag} is about load processes that others start: give --expect-workers N with it")
        return Hands(own=workers, public=allow_public)
    if workers:
        raise UsageError(
            "--workers starts load processes here, --expect-workers waits for those of `loadkit worker`: give one of "
            "them, and start `loadkit worker` here too where this machine is to make load"
        )
    host, port = address(bind or HERE, "--master-bind")
    secret = token(token_file)
    refuse_public(host, f"--master-bind {bind}", bool(secret), allow_public)
    found = Hands(expected=expected, host=host, port=port, token=secret, public=allow_public)
    return replace(found, within=seconds(within, "--expect-within")) if within else found


def seconds(text: str, flag: str) -> float:
    """Return a flag's duration (s). Raises UsageError."""
    from loadkit.units import parse_duration  # brings pydantic, which no `--help` needs

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def address(text: str, flag: str) -> tuple[str, int]:
    """Return host and port of `HOST`, `HOST:PORT`, `[IPV6]:PORT` or an IPv6 address alone. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{flag} {text!r} is no address: write it like 10.0.0.5:{PORT}, or the host alone")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address to listen at; one that nothing resolves is not."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, 0)} if host != "*" else set()
        return bool(found) and all(ipaddress.ip_address(one).is_loopback for one in found)
    except (OSError, ValueError):
        return False


def refuse_public(host: str, flag: str, authenticated: bool, allow_public: bool, way: str = _WAY) -> None:
    """Raise UsageError where others than this machine would reach what listens at a host and asks nobody who he is.

    `way` is the way out besides `--allow-public`.
    """
    if authenticated or allow_public or is_loopback(host):
        return
    raise UsageError(
        f"{flag} is reached from other machines, and anybody there could join, listen or stop the run: {way}, "
        "or --allow-public where the network itself keeps strangers out"
    )


def token(file: Path | None) -> str:
    """Return the token of a file or else of the environment, which is masked from now on; empty where there is none.

    Raises UsageError.
    """
    if file:
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UsageError(f"--token-file {file} cannot be read: {why}; {_MAKE}") from None
    else:
        found = os.environ.get(TOKEN, "").strip()
    MASK.add(found)
    if len(found) < SHORTEST and (file or found):
        where = f"--token-file {file}" if file else TOKEN
        raise UsageError(f"{where}: a token has {SHORTEST} characters or more; {_MAKE}")
    return found
