"""What a secured embedded cluster needs before its nodes start: keys, certificates, a password, an issuer of tokens.

All of it is made for this one cluster, lies in its data folder, which only its owner can read, and goes with it.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loadkit.errors import TargetError, UsageError
from loadkit.targets import certificates, embedded_security
from loadkit.targets.certificates import Certificate
from loadkit.targets.diagnosis import answers
from loadkit.targets.embedded_host import last_line
from loadkit.targets.embedded_routes import HOME
from loadkit.targets.embedded_security import USER, Keys, Security
from loadkit.targets.supervisor_link import Link

_ISSUER = Path(__file__).with_name("issuer.py")
_PATIENCE = 30.0
_PAUSE = 0.02
_ASKING = 1.0


def made(security: Security, link: Link, port: int) -> Keys:
    """Return the keys of a cluster once they are in its folder; tokens, if it has any, will be issued at `port`.

    Raises UsageError where openssl is missing, TargetError where it fails.
    """
    folder = link.folder / "security"
    folder.mkdir(mode=0o700)
    keys = Keys(folder, secrets.token_urlsafe(18), port if security.tokens else 0)
    _write(folder / "password", keys.password)
    if security.encrypted or security.tokens:
        _certify(security, link, folder)
    return keys


def with_users(command: Sequence[str], security: Security, keys: Keys, folder: Path) -> list[str]:
    """Return a Java command that takes its arguments, and those that make the SCRAM users, from a file in a folder.

    A command line can be read by everyone on the machine.
    """
    java, *arguments = [*command, *embedded_security.credentials(security, keys)]
    file = folder / "format.args"
    _write(file, "".join(f'"{argument}"\n' for argument in arguments))
    return [java, f"@{file}"]


def issuing(link: Link, keys: Keys) -> int:
    """Return the pid of the issuer once it answers. Raises TargetError where it does not."""
    log = keys.folder / "issuer.log"
    command = [sys.executable, "-I", "-S", str(_ISSUER), str(keys.issuer), str(keys.folder), _openssl()]
    pid, limit = link.spawn("issuer", command, log), time.monotonic() + _PATIENCE
    while not answers(HOME, keys.issuer, _ASKING):
        if link.ended(pid) is not None or time.monotonic() > limit:
            raise TargetError(f"the issuer of tokens does not answer: {last_line(log)}")
        time.sleep(_PAUSE)
    return pid


def _certify(security: Security, link: Link, folder: Path) -> None:
    openssl = _openssl()
    wanted = {door.certificate for door in security.doors}
    brokers = [one for one in certificates.BROKERS if one.file in wanted]
    clients = [Certificate("client", USER, "client")] if any(door.mutual for door in security.doors) else []
    commands = certificates.all_of(openssl, folder, [*brokers, *clients]) if security.encrypted else []
    commands += certificates.token_keys(openssl, folder) if security.tokens else []
    _write(folder / "openssl.cnf", certificates.CONFIG)
    log = folder / "openssl.log"
    for number, command in enumerate(commands):
        if link.wait(link.spawn(f"openssl-{number}", command, log), _PATIENCE) != 0:
            raise TargetError(f"openssl could not make what the cluster needs: {last_line(log)}")
    for one in brokers:
        stem = folder / one.file
        parts = (stem.with_suffix(suffix).read_text("ascii") for suffix in (".key", ".crt"))
        _write(stem.with_suffix(".pem"), "".join(parts))


def _openssl() -> str:
    found = shutil.which("openssl")
    if not found:
        raise UsageError(
            "certificates and tokens of an embedded cluster are made by openssl, which is not on the PATH: "
            "install it (apt-get install openssl, brew install openssl), or use security=scram-sha-512"
        )
    return found


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
