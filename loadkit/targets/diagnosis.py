"""Why a client cannot get in, asked by a handshake of our own: librdkafka says little, and of some mistakes nothing.

A listener that speaks TLS, one that does not, a certificate that is over or another host's, one that the broker wants
of us, a login it wants or does not know: each is plain from one or two connections. Anything else is left unsaid.
Layouts: https://kafka.apache.org/protocol#The_Messages_SaslHandshake, version 1.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress

from loadkit.targets import versions
from loadkit.targets.properties import servers
from loadkit.targets.versions import exactly

_SASL_HANDSHAKE, _VERSION, _CORRELATION = 17, 1, 9
_UNSUPPORTED, _NOT_EXPECTED = 33, 34
_EXPIRED, _OTHER_HOST = (10,), (62, 64)
"""Codes of OpenSSL's verification (X509_V_ERR_*)."""


def of(config: Mapping[str, str], timeout: float = 2.0) -> str:
    """Return why a client of this librdkafka config is not let in, and the way out; empty where that is not plain.

    `timeout` (seconds) bounds each connection; secrets are not sent.
    """
    try:
        context = versions.tls(config)
    except OSError as wrong:
        return f"the certificate files of [client] cannot be used: {wrong.strerror or wrong}"
    for host, port in servers(config["bootstrap.servers"]):
        if answers(host, port, timeout):
            return _at(host.strip("[]"), port, config, context, timeout)
    return ""


def answers(host: str, port: int, timeout: float) -> bool:
    """Return whether something takes a connection there within `timeout` seconds."""
    try:
        socket.create_connection((host.strip("[]"), port), timeout=timeout).close()
    except OSError:
        return False
    return True


def _at(host: str, port: int, config: Mapping[str, str], context: ssl.SSLContext | None, timeout: float) -> str:
    place, sasl = f"{host}:{port}", config.get("security.protocol", "").startswith("sasl")
    if context is not None and (fault := _tls_fault(host, port, config, context, timeout)):
        return fault
    if context is None and versions.ask(host, port, None, timeout) is None:
        if not _speaks_tls(host, port, timeout):
            return ""
        wanted = "SASL_SSL" if sasl else "SSL"
        return f"{place} speaks TLS: set security.protocol = {wanted} (and ssl.ca.location) in [client]"
    offered = _logins(host, port, config.get("sasl.mechanism", "NONE"), context, timeout)
    return _login_fault(place, config, sasl, offered)


def _login_fault(place: str, config: Mapping[str, str], sasl: bool, offered: list[str] | None) -> str:
    """Return what is wrong with the login a client is set to, given what `_logins` found."""
    own, ssl_too = config.get("sasl.mechanism", "GSSAPI"), config.get("security.protocol", "").endswith("ssl")
    if offered is None:
        return ""
    if sasl and not offered:
        protocol = "SSL" if ssl_too else "PLAINTEXT"
        return f"{place} takes no login: set security.protocol = {protocol} and leave out sasl.* in [client]"
    if not offered:
        return ""
    if sasl:
        return f"{place} takes logins by {', '.join(offered)}, not {own}: set sasl.mechanism in [client]"
    protocol = "SASL_SSL" if ssl_too else "SASL_PLAINTEXT"
    return f"{place} wants a login: set security.protocol = {protocol} and sasl.mechanism = {' or '.join(offered)}"


def _tls_fault(host: str, port: int, config: Mapping[str, str], context: ssl.SSLContext, timeout: float) -> str:
    place = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as stream,
        ):
            # in TLS 1.3 a broker that refuses our certificate says so only now, and may have closed the connection
            with suppress(ConnectionError):
                stream.sendall(versions.request())
            exactly(stream, 4)
    except ssl.SSLCertVerificationError as wrong:
        return _certificate_fault(place, wrong, config)
    except (OSError, EOFError) as problem:
        if isinstance(problem, ssl.SSLError) and "ALERT" in (problem.reason or ""):
            if "ssl.keystore.location" in config:  # whose certificate librdkafka can show, and we cannot
                return ""
            return _own_certificate_fault(place, config)
        if versions.ask(host, port, None, timeout) is not None:
            protocol = "SASL_PLAINTEXT" if config.get("security.protocol", "").startswith("sasl") else "PLAINTEXT"
            return f"{place} does not speak TLS: set security.protocol = {protocol} in [client], or use its TLS port"
    return ""


def _certificate_fault(place: str, wrong: ssl.SSLCertVerificationError, config: Mapping[str, str]) -> str:
    if wrong.verify_code in _EXPIRED:
        return f"the certificate of {place} is over ({wrong.verify_message}): have the brokers given a new one"
    if wrong.verify_code in _OTHER_HOST:
        return (
            f"the certificate of {place} is another host's ({wrong.verify_message.rstrip('.')}): name the host it was "
            "made for in bootstrap.servers and the brokers' advertised.listeners"
        )
    who = config.get("ssl.ca.location", "this machine's authorities")
    return (
        f"the certificate of {place} is not signed by any authority of {who} ({wrong.verify_message}): "
        "set ssl.ca.location in [client] to the cluster's own"
    )


def _own_certificate_fault(place: str, config: Mapping[str, str]) -> str:
    """Return what to do; the alert itself says little, and each Java says it otherwise."""
    own = "ssl.certificate.location and ssl.key.location in [client]"
    if "ssl.certificate.location" not in config:
        return f"{place} wants a certificate of the client: set {own}"
    return (
        f"{place} refuses this client's certificate: see that it is not over and that an authority the brokers trust "
        f"has signed it, then set {own}"
    )


def _speaks_tls(host: str, port: int, timeout: float) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=timeout) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
    except OSError:
        return False
    return True


def _logins(host: str, port: int, mechanism: str, context: ssl.SSLContext | None, timeout: float) -> list[str] | None:
    """Return the mechanisms a listener offers, none where it takes no login; None: ours will do, or nothing is said."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as plain:
            stream = context.wrap_socket(plain, server_hostname=host) if context else plain
            with stream:
                stream.sendall(handshake(mechanism))
                (size,) = struct.unpack(">i", exactly(stream, 4))
                return mechanisms(exactly(stream, size)) if 0 < size < 1 << 16 else None
    except (OSError, EOFError, struct.error, ValueError):
        return None


def handshake(mechanism: str) -> bytes:
    """Return a whole SaslHandshake request."""
    client, name = b"loadkit", mechanism.encode()
    header = struct.pack(">hhih", _SASL_HANDSHAKE, _VERSION, _CORRELATION, len(client)) + client
    body = struct.pack(">h", len(name)) + name
    return struct.pack(">i", len(header) + len(body)) + header + body


def mechanisms(response: bytes) -> list[str] | None:
    """Return the mechanisms there are by the answer to a handshake: none without a login, None if ours is among them.

    Raises struct.error or ValueError for what is no such answer.
    """
    correlation, code, count = struct.unpack_from(">ihi", response)
    if correlation != _CORRELATION or code not in (0, _UNSUPPORTED, _NOT_EXPECTED):
        raise ValueError(f"error {code} to request {correlation}")
    if code == 0:
        return None
    at, found = 10, list[str]()
    for _ in range(max(count, 0)):
        (size,) = struct.unpack_from(">h", response, at)
        found.append(response[at + 2 : at + 2 + size].decode())
        at += 2 + size
    return [] if code == _NOT_EXPECTED else found
