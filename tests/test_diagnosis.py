"""Why a client cannot get in: brokers of a few lines that speak TLS or not, want a login or none."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadkit.targets import certificates, diagnosis
from loadkit.targets.certificates import BROKERS, Certificate
from loadkit.targets.versions import exactly

NOT_EXPECTED, UNSUPPORTED = 34, 33


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority, what it signed, and another authority with a client of its own."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "openssl.cnf").write_text(certificates.CONFIG)
    wanted = [*BROKERS, Certificate("client", "loadkit", "client")]
    commands = certificates.all_of("openssl", folder, wanted) + certificates.authority("openssl", folder, "other")
    commands += certificates.signed("openssl", folder, Certificate("stray", "loadkit", "client"), 9, by="other")
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)
    return folder


class Broker(socketserver.BaseRequestHandler):
    """Answers ApiVersions and SaslHandshake as Kafka does, and ends the connection for anything else."""

    server: Brokers
    asked = ""

    def handle(self) -> None:
        """Serve one connection."""
        try:
            context = self.server.context
            stream = self.wrapped(context) if context else self.request
            while True:
                (size,) = struct.unpack(">i", exactly(stream, 4))
                if not 0 < size < 1 << 16:
                    return
                request = exactly(stream, size)
                key, _, correlation = struct.unpack_from(">hhi", request)
                self.asked = request[19:].decode(errors="replace")  # behind header, client id and a length
                answer = struct.pack(">i", correlation) + self.answer(key)
                stream.sendall(struct.pack(">i", len(answer)) + answer)
        except (OSError, EOFError, struct.error):
            return

    def wrapped(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Return the connection with TLS; one with a wrong certificate is closed when the client has gone.

        Closed at once, what the client has sent already would be answered by a reset, which overtakes the alert.
        """
        stream = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        try:
            stream.do_handshake()
        except ssl.SSLError as refused:
            while "CERTIFICATE" in (refused.reason or "") and socket.socket.recv(stream, 4096):
                pass
            raise
        return stream

    def answer(self, key: int) -> bytes:
        """Return the body of an answer: an old ApiVersions, or the mechanisms there are."""
        if key == 18:
            return struct.pack(">hi", 35, 0)
        offered = self.server.offered
        if self.asked in offered:
            return struct.pack(">hi", 0, 0)
        names = b"".join(struct.pack(">h", len(name)) + name.encode() for name in offered)
        return struct.pack(">hi", UNSUPPORTED if offered else NOT_EXPECTED, len(offered)) + names


class Brokers(socketserver.ThreadingTCPServer):
    """A listener."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None, offered: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", 0), Broker)
        self.context, self.offered = context, offered


@contextmanager
def listening(keys: Path, certificate: str = "", offered: Sequence[str] = (), mutual: bool = False) -> Iterator[str]:
    """Yield the address of a broker, with TLS if it has a certificate."""
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ca.pem"))
        context.load_cert_chain(keys / f"{certificate}.crt", keys / f"{certificate}.key")
        context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE
    with Brokers(context, offered) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def said(address: str, keys: Path, protocol: str = "plaintext", **more: str) -> str:
    """Return why a client of a protocol cannot get in; it trusts the authority."""
    config = {"bootstrap.servers": address, "security.protocol": protocol}
    if protocol.endswith("ssl"):
        config["ssl.ca.location"] = str(keys / "ca.pem")
    return diagnosis.of({**config, **{name.replace("_", "."): value for name, value in more.items()}})


def shown(keys: Path, name: str) -> dict[str, str]:
    """Return the properties of a client that shows a certificate."""
    return {"ssl_certificate_location": str(keys / f"{name}.crt"), "ssl_key_location": str(keys / f"{name}.key")}


def test_nothing_is_said_of_a_broker_that_lets_one_in(keys: Path) -> None:
    """With TLS and without, with a login and without, with a certificate of the client."""
    with listening(keys) as address:
        assert said(address, keys) == ""
    with listening(keys, "broker") as address:
        assert said(address, keys, "ssl") == ""
    with listening(keys, "broker", ["SCRAM-SHA-512", "PLAIN"]) as address:
        assert said(address, keys, "sasl_ssl", sasl_mechanism="PLAIN") == ""
    with listening(keys, "broker", mutual=True) as address:
        assert said(address, keys, "ssl", **shown(keys, "client")) == ""


def test_nothing_is_said_where_nobody_answers(keys: Path) -> None:
    """That is not for us to explain; of several addresses the first that answers is asked."""
    assert said("127.0.0.1:1", keys) == ""
    with listening(keys, "broker") as address:
        assert "speaks TLS" in said(f"127.0.0.1:1,{address}", keys)


@pytest.mark.parametrize(("protocol", "way_out"), [("plaintext", "= SSL "), ("sasl_plaintext", "= SASL_SSL ")])
def test_a_listener_that_speaks_tls(keys: Path, protocol: str, way_out: str) -> None:
    """librdkafka says no more than that no broker is up."""
    with listening(keys, "broker", ["PLAIN"]) as address:
        text = said(address, keys, protocol, sasl_mechanism="PLAIN")
    assert f"{address} speaks TLS" in text
    assert way_out in text


@pytest.mark.parametrize(("protocol", "way_out"), [("ssl", "= PLAINTEXT "), ("sasl_ssl", "= SASL_PLAINTEXT ")])
def test_a_listener_that_does_not_speak_tls(keys: Path, protocol: str, way_out: str) -> None:
    """It takes our hello for a request."""
    with listening(keys, "", ["PLAIN"]) as address:
        text = said(address, keys, protocol, sasl_mechanism="PLAIN")
    assert f"{address} does not speak TLS" in text
    assert way_out in text


@pytest.mark.parametrize(
    ("certificate", "authority", "words"),
    [
        ("expired", "ca", "is over (certificate has expired)"),
        ("misnamed", "ca", "is another host's (IP address mismatch"),
        ("broker", "other", "not signed by any authority of"),
    ],
)
def test_a_certificate_that_cannot_be_trusted(keys: Path, certificate: str, authority: str, words: str) -> None:
    """The reason is Python's own, which librdkafka keeps to itself."""
    with listening(keys, certificate) as address:
        assert words in said(address, keys, "ssl", ssl_ca_location=str(keys / f"{authority}.pem"))


def test_a_certificate_of_the_client_that_is_missing_or_not_trusted(keys: Path) -> None:
    """In TLS 1.3 a broker says so only after the handshake; a store that we cannot read says nothing."""
    with listening(keys, "broker", mutual=True) as address:
        assert "wants a certificate of the client" in said(address, keys, "ssl")
        assert "refuses this client's certificate" in said(address, keys, "ssl", **shown(keys, "stray"))
        assert said(address, keys, "ssl", ssl_keystore_location="store.p12") == ""


def test_certificate_files_that_cannot_be_read_are_said(keys: Path) -> None:
    """Before anybody is asked."""
    with listening(keys, "broker") as address:
        assert "cannot be used" in said(address, keys, "ssl", ssl_ca_location=str(keys / "none.pem"))


@pytest.mark.parametrize(
    ("offered", "protocol", "mechanism", "words"),
    [
        (
            ["PLAIN"],
            "plaintext",
            "",
            "wants a login: set security.protocol = SASL_PLAINTEXT and sasl.mechanism = PLAIN",
        ),
        ([], "sasl_plaintext", "PLAIN", "takes no login: set security.protocol = PLAINTEXT"),
        (["SCRAM-SHA-512"], "sasl_plaintext", "PLAIN", "takes logins by SCRAM-SHA-512, not PLAIN"),
    ],
)
def test_a_login_that_is_wanted_not_wanted_or_another(
    keys: Path, offered: list[str], protocol: str, mechanism: str, words: str
) -> None:
    """The handshake names the mechanisms there are."""
    more = {"sasl_mechanism": mechanism} if mechanism else {}
    with listening(keys, "", offered) as address:
        assert words in said(address, keys, protocol, **more)


def test_a_handshake_is_what_the_protocol_guide_says() -> None:
    """Length, api key 17, version 1, correlation 9, client id, mechanism."""
    assert diagnosis.handshake("PLAIN") == bytes.fromhex("00000018001100010000000900076c6f61646b69740005504c41494e")


@pytest.mark.parametrize("answer", [b"", struct.pack(">ihi", 1, 0, 0), struct.pack(">ihi", 9, 99, 0)])
def test_an_answer_to_something_else_is_refused(answer: bytes) -> None:
    """It is no list of mechanisms."""
    with pytest.raises((ValueError, struct.error)):
        diagnosis.mechanisms(answer)
