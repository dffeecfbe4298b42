"""Every way into a secured cluster, and everything that may be wrong with it, on one Kafka with a listener for each.

What was observed is the table in docs/security.md: these tests fail where the two differ. To write the table anew:
`LOADKIT_WRITE_DOCS=1 python -m pytest -m 'long or not long' tests/kafka/test_security.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead
from entering import ENTERED
from running import ENV, PATIENCE, QUICK, ROOT, STEADY, Command, Ended, run_arguments, start, untouched

from loadkit.targets import certificates, embedded, embedded_rights
from loadkit.targets.certificates import Certificate
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

pytestmark = pytest.mark.kafka

DOCS = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
GOOD = (
    "plaintext", "tls", "mtls", "sasl-plain", "sasl-plain-tls", "scram-sha-256", "scram-sha-256-tls", "scram-sha-512",
    "scram-sha-512-tls", "oauthbearer", "oauthbearer-tls",
)  # fmt: skip
WRONG = ("tls-expired", "tls-misnamed")
ALWAYS = {"tls", "mtls", "sasl-plain", "scram-sha-256", "scram-sha-512-tls", "oauthbearer-tls"}
"""The good ones that are tried in every test run; the others by `make test-long`."""
LIFETIME = 5
"""Seconds that the tokens of the run live which outlives them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row: what is tried, by which door, and how the client differs from a good one."""

    what: str
    door: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Properties over the good client's; None takes one away."""
    to: str = ""
    """The door at whose address it knocks, where that is another one."""
    long: bool = False


PASSWORD = {"sasl.password": {"file": "wrong"}}
SECRET = {"sasl.oauthbearer.client.secret": {"file": "wrong"}}
UNNAMED = {
    f"sasl.oauthbearer.{name}": None for name in ("method", "client.id", "client.secret", "scope", "token.endpoint.url")
}
"""Without a method of librdkafka's own."""
SIGNER = """
import base64, json, os, time, urllib.request

class MSKAuthTokenProvider:
    def generate_auth_token(region):
        login = base64.b64encode(("loadkit:" + os.environ["LK_SECRET"]).encode()).decode()
        data, headers = b"grant_type=client_credentials", {"Authorization": "Basic " + login}
        with urllib.request.urlopen(urllib.request.Request(os.environ["LK_ISSUER"], data, headers)) as answer:
            token = json.load(answer)
        return token["access_token"], int((time.time() + token["expires_in"]) * 1000)
"""
"""What stands in for AWS's library: it gets its tokens from the issuer beside the cluster."""
SIGNING = """
import os, re, sys
sys.path.insert(0, os.environ["LK_FOLDER"])
from loadkit.targets import tokens
tokens._HOST = re.compile(r"(127)\\.0\\.0\\.1")
from loadkit.cli import main
main()
"""
"""The command, to which this machine is where MSK is."""
NO_CERTIFICATE = {"ssl.certificate.location": None, "ssl.key.location": None}


def who(name: str) -> dict[str, str]:
    """Return the change by which a client asks for tokens under another name."""
    return {"sasl.oauthbearer.client.id": name}


def shown(stem: str) -> dict[str, str]:
    """Return the change by which a client shows another certificate."""
    return {"ssl.certificate.location": f"{stem}.crt", "ssl.key.location": f"{stem}.key"}


CASES = (
    *(Case("a good client", door, long=door not in ALWAYS) for door in GOOD),
    Case("a token that a Python library signs", "oauthbearer", UNNAMED),
    Case("a wrong password", "sasl-plain", PASSWORD),
    Case("a wrong password", "scram-sha-256", PASSWORD, long=True),
    Case("a wrong password", "scram-sha-512-tls", PASSWORD),
    Case("a user nobody knows", "scram-sha-512", {"sasl.username": "nobody"}, long=True),
    Case("a mechanism that is not offered", "sasl-plain", {"sasl.mechanism": "SCRAM-SHA-256"}),
    Case("no login where one is wanted", "plaintext", to="sasl-plain"),
    Case("no login where one is wanted", "tls", to="sasl-plain-tls", long=True),
    Case("a login where none is taken", "sasl-plain", to="plaintext"),
    Case("TLS to a listener without it", "tls", to="plaintext"),
    Case("TLS to a listener without it", "scram-sha-512-tls", to="scram-sha-512", long=True),
    Case("no TLS to a listener with it", "plaintext", to="tls"),
    Case("no TLS to a listener with it", "scram-sha-512", to="scram-sha-512-tls", long=True),
    Case("an authority that did not sign", "tls", {"ssl.ca.location": "other.pem"}),
    Case("a certificate that is over", "tls-expired"),
    Case("a certificate of another host", "tls-misnamed"),
    Case("no certificate of the client", "mtls", NO_CERTIFICATE),
    Case("a client's certificate that is over", "mtls", shown("late")),
    Case("a client's certificate that nobody trusts", "mtls", shown("stray"), long=True),
    Case("a wrong client secret", "oauthbearer", SECRET),
    Case("a token that is over", "oauthbearer", {"sasl.oauthbearer.token.endpoint.url": "/token/-10"}),
    Case("an issuer that is not there", "oauthbearer", {"sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/token"}),
    Case("no right to topics", "oauthbearer", who("stranger")),
    Case("no right to groups", "oauthbearer", who("without-groups")),
    Case("no right to write, idempotently", "oauthbearer", who("without-write")),
    Case("no right to transactional ids", "oauthbearer", who("without-transactions")),
)  # fmt: skip
RIGHTS = {
    "without-groups": (("TOPIC", "TRANSACTIONAL_ID"), ("ALL",)),
    "without-write": (("TOPIC", "GROUP", "TRANSACTIONAL_ID"), ("CREATE", "DESCRIBE", "READ", "DELETE")),
    "without-transactions": (("TOPIC", "GROUP"), ("ALL",)),
}
"""What users may do on names with the prefix: kinds of things and operations."""


@contextmanager
def secured() -> Iterator[EmbeddedCluster]:
    """Yield a node with every door, whose users have their rights."""
    spec = EmbeddedSpec.parse(f"embedded?{QUICK}&heap=512m&security={','.join((*GOOD, *WRONG))},acls")
    with embedded.start(spec) as cluster:
        for user, (kinds, operations) in RIGHTS.items():
            for operation in operations:
                embedded_rights.grant(cluster.inner_bootstrap, user, "loadkit.", kinds, operation)
        yield cluster


def file_of(case: Case, cluster: EmbeddedCluster, folder: Path, number: int) -> None:
    """Write the target file of a case."""
    client = cluster.by(case.door)
    if case.to:
        client["bootstrap.servers"] = cluster.by(case.to)["bootstrap.servers"]
    changes = dict(case.changes)
    path = str(changes.get("sasl.oauthbearer.token.endpoint.url", ""))
    if path.startswith("/"):
        changes["sasl.oauthbearer.token.endpoint.url"] = (
            client["sasl.oauthbearer.token.endpoint.url"].removesuffix("/token") + path
        )
    written(folder / f"{number:02}.toml", cluster, {**client, **changes})


def written(path: Path, cluster: EmbeddedCluster, client: Mapping[str, Any]) -> Path:
    """Write a target file with these client properties, but those that are None."""
    kept = {name: value for name, value in client.items() if value is not None}
    path.write_text(embedded.target_toml(embedded.state_of(cluster).through(kept)))
    return path


def prepare(cluster: EmbeddedCluster, folder: Path) -> None:
    """Write what wrong clients have: a password, another authority, certificates that are over or not trusted."""
    folder.mkdir()
    (folder / "wrong").write_text("wrong-secret-2")
    (folder / "aws_msk_iam_sasl_signer.py").write_text(SIGNER)
    (folder / "openssl.cnf").write_text(certificates.CONFIG)
    keys = cluster.data_dir / "security"
    for name in ("ca.pem", "ca.key"):
        (folder / name).write_bytes((keys / name).read_bytes())
    late, stray = Certificate("late", "loadkit", "client", "-1"), Certificate("stray", "loadkit", "client")
    commands = certificates.authority("openssl", folder, "other")
    commands += certificates.signed("openssl", folder, late, 7) + certificates.signed(
        "openssl", folder, stray, 8, by="other"
    )
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)


def outcomes(cases: Mapping[int, Case], cluster: EmbeddedCluster, folder: Path, **env: str) -> dict[int, str]:
    """Return how each case went, in the words of the table."""
    prepare(cluster, folder)
    for number, case in cases.items():
        file_of(case, cluster, folder, number)
    done = subprocess.run(
        [sys.executable, "tests/entering.py", str(folder)], cwd=ROOT, check=False, capture_output=True, text=True,
        timeout=PATIENCE, env={**ENV, "LOADKIT_STATE": str(folder / "state"), **issuing(cluster), **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "wrong-secret-2" not in done.stdout + done.stderr
    return {int(stem): plain(text) for stem, text in json.loads(done.stdout).items()}


def issuing(cluster: EmbeddedCluster, lifetime: str = "") -> dict[str, str]:
    """Return where the signer gets its tokens."""
    secret = (cluster.data_dir / "security" / "password").read_text()
    url = cluster.by("oauthbearer")["sasl.oauthbearer.token.endpoint.url"]
    return {"LK_ISSUER": url + lifetime, "LK_SECRET": secret}


def plain(text: str) -> str:
    """Return a sentence without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d{2,}", "HOST:PORT", text)
    text = re.sub(r"loadkit\.[a-z0-9]{8}\.", "loadkit.RUN.", text)
    text = re.sub(r"after \d+ ms", "after N ms", text)
    return re.sub(r"/\S+/(?=\w+\.pem)", "", text)


def row(case: Case, outcome: str) -> str:
    """Return a line of the table."""
    where = case.door + (f" → {case.to}" if case.to else "")
    return f"| {case.what} | `{where}` | {outcome.replace('|', '&#124;')} |"


def table(text: str) -> list[str]:
    """Return the lines of the table in the docs."""
    return [line for line in text.partition(BEGIN)[2].partition(END)[0].splitlines() if line.startswith("| ")][1:]


def write(found: Mapping[int, str]) -> None:
    """Write the rows that were observed into the docs, if that is asked for; the others stay."""
    if not os.environ.get("LOADKIT_WRITE_DOCS"):
        return
    text = DOCS.read_text()
    before = dict(zip(range(len(CASES)), table(text), strict=False)) if len(table(text)) == len(CASES) else {}
    rows = [
        row(CASES[number], found[number]) if number in found else before.get(number, "") for number in range(len(CASES))
    ]
    head = "| what a client brings | listener | what it is told |\n|---|---|---|\n"
    made = BEGIN + head + "".join(f"{line}\n" for line in rows if line) + END
    DOCS.write_text(text.partition(BEGIN)[0] + made + text.partition(END)[2])


def agree(found: Mapping[int, str]) -> None:
    """Fail where the table in the docs does not say what was observed."""
    write(found)
    said = table(DOCS.read_text())
    assert len(said) == len(CASES)
    assert {number: said[number] for number in found} == {n: row(CASES[n], text) for n, text in found.items()}


@ahead
def observed(folder: Path) -> tuple[dict[int, str], Ended, str]:
    """Return how the cases went, a run that outlives its tokens with the rights of a prefix alone, the issuer's log."""
    with secured() as cluster:
        client = cluster.by("oauthbearer-tls")
        client["sasl.oauthbearer.token.endpoint.url"] += f"/{LIFETIME}"
        target = written(folder / "short.toml", cluster, client)
        short = start(STEADY, target, folder / "short", "--duration", f"{LIFETIME + 3}s", "--warmup", "1s")
        with short:
            cases = {number: case for number, case in enumerate(CASES) if not case.long}
            found = outcomes(cases, cluster, folder / "cases")
            ended = short.ended().ok()
        return found, ended, (cluster.data_dir / "security" / "issuer.log").read_text()


def test_each_way_in_and_each_mistake_is_what_the_docs_say(observed: tuple[dict[int, str], Ended, str]) -> None:
    """Good clients come in; every mistake is one sentence with exit code 3."""
    found, _, _ = observed
    for number, text in found.items():
        good = CASES[number].what in ("a good client", "a token that a Python library signs")
        assert text == ENTERED if good else re.fullmatch(r"exit 3: [^\n]+", text), (CASES[number], text)
    agree(found)


def test_tokens_that_end_in_mid_run_are_renewed_and_a_prefix_is_right_enough(
    observed: tuple[dict[int, str], Ended, str],
) -> None:
    """Nothing is lost or late for good, each client got new tokens, and topics and groups were made and taken away."""
    _, ended, log = observed
    untouched(ended)
    clients = 3  # a producer, a consumer and the admin client, at the least
    assert log.count(f'"POST /token/{LIFETIME} HTTP/1.1" 200') >= 2 * clients


@pytest.mark.long
@pytest.mark.parametrize("lane", ["fast", "standard"])
def test_every_row_of_the_docs_is_observed_on_either_lane(lane: str, tmp_path: Path) -> None:
    """All ways in, and whole runs: by SCRAM over TLS, and with tokens that end in mid-run, a library's among them."""
    with secured() as cluster:
        clients = {"scram": cluster.by("scram-sha-512-tls"), "short": cluster.by("oauthbearer")}
        clients["short"]["sasl.oauthbearer.token.endpoint.url"] += f"/{LIFETIME}"
        (tmp_path / "aws_msk_iam_sasl_signer.py").write_text(SIGNER)
        signed = {name: value for name, value in cluster.by("oauthbearer").items() if name not in UNNAMED}
        targets = {name: written(tmp_path / f"{name}.toml", cluster, client) for name, client in clients.items()}
        flags = ("--duration", f"{2 * LIFETIME}s", "--warmup", "1s")
        with ExitStack() as stack:
            begun = [
                stack.enter_context(start(STEADY, target, tmp_path / name, *flags, LOADKIT_LANE=lane))
                for name, target in targets.items()
            ]
            out, target = tmp_path / "signed", written(tmp_path / "signed.toml", cluster, signed)
            arguments, env = run_arguments(STEADY, target, out, *flags), issuing(cluster, f"/{LIFETIME}")
            command = Command(out, *arguments, code=SIGNING, LK_FOLDER=str(tmp_path), **env)
            begun.append(stack.enter_context(command))
            for ended in [command.ended() for command in begun]:
                untouched(ended.ok())
                own = "standard" if ended.out == out else lane
                assert ended.result["classes"]["Clock"]["lane"].startswith(own)
        agree(outcomes(dict(enumerate(CASES)), cluster, tmp_path / "cases", LOADKIT_LANE=lane))
