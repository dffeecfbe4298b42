"""Certificates and token keys of a cluster that lives as long as its owner, as commands of openssl. Arithmetic only.

One authority signs them all. Beside the broker's there is one that is over and one of another host, so that what
clients say of them can be seen. The keys are worth nothing once the cluster is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[broker]
subjectAltName = IP:127.0.0.1,DNS:localhost
[misnamed]
subjectAltName = DNS:elsewhere.example
[client]
extendedKeyUsage = clientAuth
"""
"""What the commands read as `openssl.cnf`."""
_DAYS, _OVER = "30", "-1"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One to be signed: the name of its files, whom it names, its section of `CONFIG`, for how many days it holds."""

    file: str
    subject: str
    section: str
    days: str = _DAYS


BROKERS = (
    Certificate("broker", "broker", "broker"), Certificate("expired", "broker", "broker", _OVER),
    Certificate("misnamed", "elsewhere.example", "misnamed"),
)  # fmt: skip


def authority(openssl: str, folder: Path, name: str = "ca") -> list[list[str]]:
    """Return the commands that make an authority: `NAME.pem` and `NAME.key`."""
    return [[
        openssl, "req", "-x509", *_KEY, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem",
        "-days", _DAYS, "-subj", f"/CN=loadkit {name}", "-config", f"{folder}/openssl.cnf", "-extensions", "ca",
    ]]  # fmt: skip


def signed(openssl: str, folder: Path, one: Certificate, number: int, by: str = "ca") -> list[list[str]]:
    """Return the commands that make a key and have an authority sign it: `FILE.key` and `FILE.crt`."""
    stem, config = f"{folder}/{one.file}", f"{folder}/openssl.cnf"
    return [
        [openssl, "req", *_KEY, "-keyout", f"{stem}.key", "-out", f"{stem}.csr", "-subj", f"/CN={one.subject}",
         "-config", config],
        [openssl, "x509", "-req", "-in", f"{stem}.csr", "-CA", f"{folder}/{by}.pem", "-CAkey", f"{folder}/{by}.key",
         "-set_serial", str(number), "-days", one.days, "-extfile", config, "-extensions", one.section,
         "-out", f"{stem}.crt"],
    ]  # fmt: skip


def all_of(openssl: str, folder: Path, certificates: Sequence[Certificate]) -> list[list[str]]:
    """Return the commands that make an authority and what it signs."""
    commands = authority(openssl, folder)
    for number, one in enumerate(certificates, 1):
        commands += signed(openssl, folder, one, number)
    return commands


def token_keys(openssl: str, folder: Path) -> list[list[str]]:
    """Return the commands that make the key that signs tokens, and its public half."""
    return [
        [openssl, "genrsa", "-out", f"{folder}/token.key", "2048"],
        [openssl, "rsa", "-in", f"{folder}/token.key", "-pubout", "-outform", "DER", "-out", f"{folder}/token.der"],
    ]
