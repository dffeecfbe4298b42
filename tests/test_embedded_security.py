"""The ways into an embedded cluster: names, settings, certificates, tokens."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from loadkit.errors import TargetError, TargetFileError, UsageError
from loadkit.target import load_target
from loadkit.targets import certificates, embedded_keys, embedded_security, embedded_spec, embedded_state, issuer
from loadkit.targets.certificates import Certificate
from loadkit.targets.embedded_host import new_nodes
from loadkit.targets.embedded_security import DOORS, Keys
from loadkit.targets.embedded_spec import EmbeddedSpec
from loadkit.targets.embedded_state import State

KEYS = Keys(Path("/d/security"), "a-secret-of-the-test", 7000)


def lines_of(text: str) -> dict[str, str]:
    """Return a node's settings for a target's name."""
    spec = EmbeddedSpec.parse(text)
    (node,) = new_nodes(1, Path("/d"), len(spec.security.doors))
    made = embedded_spec.properties(spec, node, [node], KEYS if spec.security.doors else None)
    return dict(line.split("=", 1) for line in made.splitlines())


@pytest.mark.parametrize("name", DOORS)
def test_every_door_is_a_listener_and_a_client(name: str) -> None:
    """Brokers open it beside their own listener; the client's properties are ones that loadkit takes."""
    lines = lines_of(f"embedded?security={name}")
    door = DOORS[name]
    assert f"{door.listener}:{door.protocol}" in lines["listener.security.protocol.map"].split(",")
    assert lines["inter.broker.listener.name"] == "INNER"
    names = [one.partition("://")[0] for one in lines["listeners"].split(",")]
    assert names == [door.listener, "INNER", "CONTROLLER"]
    assert lines["advertised.listeners"] == lines["listeners"].rpartition(",")[0]
    client = embedded_security.client(door, KEYS)
    target = load_target("embedded").at("127.0.0.1:1", **client)
    assert target.client["security.protocol"] == door.protocol
    assert [target.layers(role) for role in ("producer", "consumer", "admin", "share")]


def test_no_secret_is_among_what_a_client_is_told() -> None:
    """It is a reference to a file, so it may be kept, shown and sent to load processes."""
    for door in DOORS.values():
        assert KEYS.password not in json.dumps(embedded_security.client(door, KEYS))


def test_several_doors_have_ports_of_their_own_and_the_first_is_the_clusters() -> None:
    """In the order in which they are named."""
    spec = EmbeddedSpec.parse("embedded:3?security=scram-tls,mtls,plaintext")
    nodes = new_nodes(3, Path("/d"), len(spec.security.doors))
    ports = [port for node in nodes for port in (*node.doors, node.controller, node.jmx, node.inner)]
    assert len(set(ports)) == 3 * 6
    assert {len(node.doors) for node in nodes} == {3}
    assert nodes[0].doors[0] == nodes[0].broker
    lines = embedded_security.identity(spec.security, nodes[1])
    assert lines["listeners"].startswith(f"SCRAM_TLS://127.0.0.1:{nodes[1].broker},MTLS://127.0.0.1:")
    assert spec.security.door(None).name == "scram-tls"
    assert str(EmbeddedSpec.parse(str(spec))) == str(spec)


def test_rights_are_checked_only_where_it_is_asked_for() -> None:
    """`acls` alone comes with the login that teams have most."""
    alone = EmbeddedSpec.parse("embedded?security=acls").security
    assert ([door.name for door in alone.doors], alone.acls) == (["scram-tls"], True)
    assert "authorizer.class.name" in lines_of("embedded?security=sasl-plain,acls")
    assert "authorizer.class.name" not in lines_of("embedded?security=sasl-plain")
    assert "INNER" not in lines_of("embedded")["listeners"]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("scram", "did you mean 'scram-"), ("tls,tls", "given twice"), ("kerberos", "use plaintext, tls, mtls"),
        ("tls&forwarded=1", "cut off"),
    ],
)  # fmt: skip
def test_a_wrong_way_in_says_what_is_possible(value: str, named: str) -> None:
    """Before anything is started."""
    with pytest.raises(TargetFileError) as caught:
        EmbeddedSpec.parse(f"embedded?security={value}")
    assert named in str(caught.value)


def test_scram_users_are_in_the_metadata_from_the_start(tmp_path: Path) -> None:
    """Each mechanism once for each user, and no password on a command line."""
    spec = EmbeddedSpec.parse("embedded?security=scram-sha-256,scram-sha-256-tls,scram-tls")
    (node,) = new_nodes(1, tmp_path, 3)
    whole = embedded_spec.format_command(Path("/j"), "cp", spec, node, "id")
    command = embedded_keys.with_users(whole, spec.security, KEYS, tmp_path)
    assert command == ["/j", f"@{tmp_path / 'format.args'}"]
    assert not (tmp_path / "format.args").stat().st_mode & 0o077
    words = [line.strip('"') for line in (tmp_path / "format.args").read_text().splitlines()]
    assert words[: len(whole) - 1] == whole[1:]
    users = [word.partition("=[name=")[::2] for word in words if "password=" in word]
    assert [(how, rest.partition(",")[0]) for how, rest in users] == [
        ("SCRAM-SHA-256", "loadkit"), ("SCRAM-SHA-256", "admin"), ("SCRAM-SHA-512", "loadkit"), ("SCRAM-SHA-512", "admin")
    ]  # fmt: skip


def test_brokers_ask_the_issuer_and_nobody_else_for_keys() -> None:
    """From Kafka 4.0 on the address has to be allowed by the JVM."""
    spec = EmbeddedSpec.parse("embedded?security=oauthbearer")
    (node,) = new_nodes(1, Path("/d"))
    command = embedded_spec.node_command(Path("/j"), "cp", Path("/a.jar"), spec, node, KEYS)
    assert "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=http://127.0.0.1:7000/jwks" in command
    lines = lines_of("embedded?security=oauthbearer")
    own = "listener.name.oauthbearer.oauthbearer.sasl.oauthbearer."
    assert lines[own + "jwks.endpoint.url"] == "http://127.0.0.1:7000/jwks"
    assert lines[own + "expected.issuer"] == "http://127.0.0.1:7000"


@pytest.mark.parametrize("name", DOORS)
def test_the_target_file_of_a_served_cluster_says_how_to_come_in(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read back as it was meant, secrets by their files; what a result keeps of it names no place and no secret."""
    keys = Keys(tmp_path, "a-secret-of-the-test", 7000)
    for file in ("ca.pem", "client.crt", "client.key", "password"):
        (tmp_path / file).write_text("a-secret-of-the-test")
    client = embedded_security.client(DOORS[name], keys)
    state = State(
        1, "now", f"embedded?security={name}", 1, "4.3.1", "127.0.0.1:1", ("http://127.0.0.1:2/metrics",), "/d", client
    )
    text = embedded_state.target_toml(state)
    assert "a-secret-of-the-test" not in text
    assert tomllib.loads(text)["client"] == {"bootstrap.servers": "127.0.0.1:1", **client}
    (tmp_path / "t.toml").write_text(text)
    target = load_target(str(tmp_path / "t.toml"))
    config = target.client_config("producer")
    assert config["security.protocol"] == DOORS[name].protocol.lower()
    assert ("a-secret-of-the-test" in config.values()) == bool(DOORS[name].mechanism)
    assert str(tmp_path) not in json.dumps(target.public())


# certificates


def made(folder: Path, *wanted: Certificate) -> Path:
    """Return a folder in which an authority has signed certificates."""
    (folder / "openssl.cnf").write_text(certificates.CONFIG)
    for command in certificates.all_of("openssl", folder, wanted):
        subprocess.run(command, check=True, capture_output=True)
    return folder


def verified(folder: Path, *more: str) -> str:
    """Return what openssl says of a certificate."""
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), *more]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_certificates_are_what_their_names_say(tmp_path: Path) -> None:
    """The broker's is good here, one is over, one is of another host, the client's is signed by the same authority."""
    folder = made(tmp_path, *certificates.BROKERS, Certificate("client", "loadkit", "client"))
    here = ("-verify_ip", "127.0.0.1")
    assert verified(folder, *here, str(folder / "broker.crt")).endswith(": OK\n")
    assert "expired" in verified(folder, *here, str(folder / "expired.crt"))
    assert "mismatch" in verified(folder, *here, str(folder / "misnamed.crt"))
    assert verified(folder, str(folder / "client.crt")).endswith(": OK\n")
    assert not (folder / "broker.key").stat().st_mode & 0o077


class Failing:
    """A supervisor whose children end with 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def spawn(self, name: str, argv: Sequence[str], log: Path) -> int:
        """Return a pid; the child says why."""
        log.write_text(f"{name}\nno entropy left\n")
        return 1

    def wait(self, pid: int, timeout: float) -> int:
        """Return its exit code."""
        return 1


def test_a_missing_openssl_is_said_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a way out; passwords alone do without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"apt-get install openssl.*security=scram-sha-512"):
        embedded_keys.made(embedded_security.parse("tls"), Failing(tmp_path / "a"), 1)  # type: ignore[arg-type]
    keys = embedded_keys.made(embedded_security.parse("scram-sha-512"), Failing(tmp_path / "b"), 1)  # type: ignore[arg-type]
    assert (keys.folder / "password").read_text() == keys.password
    assert not (keys.folder / "password").stat().st_mode & 0o077
    assert keys.issuer == 0


def test_an_openssl_that_fails_is_quoted(tmp_path: Path) -> None:
    """Its last words say more than its exit code."""
    with pytest.raises(TargetError, match="no entropy left"):
        embedded_keys.made(embedded_security.parse("mtls"), Failing(tmp_path), 1)  # type: ignore[arg-type]


# tokens


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[issuer.Issuer]:
    """Return an issuer that answers."""
    folder = tmp_path_factory.mktemp("issuer")
    (folder / "password").write_text("client-secret")
    for command in certificates.token_keys("openssl", folder):
        subprocess.run(command, check=True, capture_output=True)
    server = issuer.Issuer(0, folder, "openssl")
    server.name = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked(server: issuer.Issuer, path: str, login: str | None = None) -> dict[str, object]:
    """Return the issuer's answer."""
    headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
    data = b"grant_type=client_credentials" if login is not None else None
    with urllib.request.urlopen(urllib.request.Request(server.name + path, data, headers)) as answer:
        return json.loads(answer.read())  # type: ignore[no-any-return]


def opened(part: str) -> bytes:
    """Return what base64url without padding stands for."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_is_signed_by_the_key_that_is_published(serving: issuer.Issuer, tmp_path: Path) -> None:
    """Its claims are those that brokers look at; openssl finds the signature right by the published numbers."""
    answer = asked(serving, "/token/20", "loadkit:client-secret")
    head, claims, signature = str(answer["access_token"]).split(".")
    (key,) = asked(serving, "/jwks")["keys"]  # type: ignore[misc]
    assert json.loads(opened(head)) == {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    said = json.loads(opened(claims))
    assert (said["sub"], said["iss"], said["aud"], said["exp"] - said["iat"]) == ("loadkit", serving.name, "kafka", 20)
    assert abs(said["iat"] - time.time()) < 60
    number, exponent = (int.from_bytes(opened(key[name])) for name in ("n", "e"))
    opened_signature = pow(int.from_bytes(opened(signature)), exponent, number).to_bytes(256)
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=f"{head}.{claims}".encode(), capture_output=True, check=True
    ).stdout
    assert opened_signature.endswith(digest)


@pytest.mark.parametrize("login", ["loadkit:wrong", ":client-secret", "loadkit", ""])
def test_a_wrong_secret_gets_no_token(serving: issuer.Issuer, login: str) -> None:
    """The answer is 401, as RFC 6749 has it."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(serving, "/token", login)
    assert caught.value.code == 401


@pytest.mark.parametrize("path", ["/token/soon", "/other", "/token/1/2"])
def test_an_unknown_address_is_not_found(serving: issuer.Issuer, path: str) -> None:
    """Lifetimes are whole seconds."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(serving, path, "loadkit:client-secret")
    assert caught.value.code == 404


def test_a_token_may_be_over_from_the_start(serving: issuer.Issuer) -> None:
    """Issued before it was over, all the same."""
    said = json.loads(opened(str(asked(serving, "/token/-10", "loadkit:client-secret")["access_token"]).split(".")[1]))
    assert said["iat"] < said["exp"] < time.time()


def test_a_key_that_is_not_rsa_is_refused() -> None:
    """Its numbers would be read out of place."""
    with pytest.raises(ValueError, match="RSA"):
        issuer.modulus(b"\x30\x03\x02\x01\x00")
