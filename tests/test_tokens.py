"""Logins by token: who signs them, and what is refused because nobody does."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadkit import lanes, payloads
from loadkit.errors import TargetFileError, UsageError
from loadkit.scenario import ProducerWorkload, Topic, declare
from loadkit.target import load_target
from loadkit.targets import tokens
from loadkit.targets.refusals import explain

MSK = {
    "bootstrap.servers": "b-1.own.abc.c2.kafka.eu-west-1.amazonaws.com:9098", "security.protocol": "sasl_ssl",
    "sasl.mechanism": "OAUTHBEARER",
}  # fmt: skip
FILE = """
[client]
"bootstrap.servers" = "{servers}"
"security.protocol" = "SASL_SSL"
"sasl.mechanism" = "OAUTHBEARER"
{more}
[limits]
max_rate = "1MB/s"
max_bytes = "1MB"
max_partitions = 1
"""


@pytest.mark.parametrize(
    ("servers", "region"),
    [
        ("b-1.own.abc.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.x:9098", "eu-west-1"),
        ("boot-abc.c1.kafka-serverless.us-gov-east-1.amazonaws.com:9098", "us-gov-east-1"),
        ("b-1.own.abc.kafka.cn-north-1.amazonaws.com.cn:9098", "cn-north-1"),
        ("pkc-1.eu-west-1.aws.confluent.cloud:9092", ""), ("b1:9092", ""),
        ("kafka.eu-west-1.amazonaws.com.evil.example:9098", ""),
    ],
)  # fmt: skip
def test_the_region_is_in_the_brokers_names(servers: str, region: str) -> None:
    """Of MSK's, provisioned or serverless, and of nobody else's."""
    assert tokens.region({**MSK, "bootstrap.servers": servers}) == region


@pytest.mark.parametrize("more", [{"sasl.mechanism": "SCRAM-SHA-512"}, {"sasl.oauthbearer.method": "oidc"}])
def test_another_login_is_not_signed_for(more: dict[str, str]) -> None:
    """IAM is what is left when OAUTHBEARER has no method of its own."""
    assert tokens.region({**MSK, **more}) == ""
    assert "oauth_cb" not in tokens.signing({**MSK, **more})


def test_the_signers_tokens_are_handed_over_with_their_end_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for the region, and anew for each token."""
    asked: list[str] = []

    def generate_auth_token(region: str) -> tuple[str, int]:
        asked.append(region)
        return f"token-{len(asked)}", 1_700_000_000_500

    provider = SimpleNamespace(generate_auth_token=generate_auth_token)
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", SimpleNamespace(MSKAuthTokenProvider=provider))
    monkeypatch.setattr(tokens, "installed", lambda: True)
    give = tokens.signing(MSK)["oauth_cb"]
    assert [give(""), give("")] == [("token-1", 1_700_000_000.5), ("token-2", 1_700_000_000.5)]
    assert asked == ["eu-west-1", "eu-west-1"]


def test_a_missing_signer_is_said_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a client is to be made."""
    monkeypatch.setattr(tokens, "installed", lambda: False)
    with pytest.raises(UsageError, match="pip install aws-msk-iam-sasl-signer-python"):
        tokens.signing(MSK)


def test_a_signed_login_takes_the_standard_lane() -> None:
    """The fast one has no Python function to ask."""
    workload = declare(
        ProducerWorkload, "W", {"name": "W", "topic": Topic("t"), "payload": payloads.constant(size="1KiB")}
    )
    chosen = lanes.chosen(workload, "binary", MSK)
    assert chosen.name == "standard"
    assert "tokens are signed" in chosen.why


@pytest.mark.parametrize(
    ("servers", "more", "words"),
    [
        ("b1:9092", "", "sasl.oauthbearer.method = oidc"),
        ("b1:9092", '"sasl.oauthbearer.method" = "oidc"', "needs sasl.oauthbearer.token.endpoint.url"),
    ],
)
def test_a_login_for_which_nobody_gives_a_token_is_refused(servers: str, more: str, words: str, tmp_path: Path) -> None:
    """librdkafka would wait for one."""
    (tmp_path / "t.toml").write_text(FILE.format(servers=servers, more=more))
    with pytest.raises(TargetFileError, match=words):
        load_target(str(tmp_path / "t.toml"))


@pytest.mark.parametrize(
    ("servers", "more"),
    [
        (MSK["bootstrap.servers"], ""), ("${BROKERS}", ""),
        ("b1:9092", '"enable.sasl.oauthbearer.unsecure.jwt" = true'),
        ("b1:9092", '"sasl.oauthbearer.method" = "oidc"\n"sasl.oauthbearer.token.endpoint.url" = "https://i/token"'),
    ],
)  # fmt: skip
def test_a_login_for_which_somebody_gives_a_token_is_taken(servers: str, more: str, tmp_path: Path) -> None:
    """By the signer, by librdkafka itself, or, where addresses are not known yet, perhaps."""
    (tmp_path / "t.toml").write_text(FILE.format(servers=servers, more=more))
    assert load_target(str(tmp_path / "t.toml")).client["sasl.mechanism"] == "OAUTHBEARER"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Failed to acquire SASL OAUTHBEARER token: Must supply an unexpired token: now=2ms, exp=1ms", "over already"),
        ("Failed to acquire SASL OAUTHBEARER token: HTTP 401", "sasl.oauthbearer.client.secret of [client] (Failed"),
        ('SASL authentication error: {"status":"invalid_token"} (after 7ms in state AUTH_REQ)', "refuse the token"),
        ("SASL authentication error: wrong (after 7ms in state AUTH_REQ)", "sasl.password of [client] (SASL authentication error: wrong)"),
    ],
)  # fmt: skip
def test_a_failed_login_by_token_is_told_from_one_by_password(text: str, words: str) -> None:
    """By the library's own words; how long it took is left out."""
    assert words in str(explain("_AUTHENTICATION", text, "connecting to b1:9092", "b1:9092"))
