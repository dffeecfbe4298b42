"""Secrets are read late, refused in the open, and hidden in every form."""

from __future__ import annotations

import base64
import io
import json
import logging
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import secrets
from loadkit.errors import UsageError
from loadkit.secrets import HIDDEN, Mask


@pytest.mark.parametrize(
    "name",
    ["sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret",
     "sasl.oauthbearer.config", "sasl.jaas.config", "SASL_PASSWORD", "Checkout.config.sasl.password",
     "sasl.oauthbearer.assertion.private.key.passphrase", "sasl.oauthbearer.assertion.private.key.pem"],
)  # fmt: skip
def test_names_that_hold_a_secret_are_known(name: str) -> None:
    """Each of these is refused in the open and hidden by key."""
    assert secrets.is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["sasl.username", "sasl.oauthbearer.token.endpoint.url", "ssl.key.location", "ssl.keystore.location", "linger.ms",
     "sasl.oauthbearer.assertion.private.key.file", "bootstrap.servers", "key.serializer"],
)  # fmt: skip
def test_names_that_only_say_where_a_secret_is_are_not_secret(name: str) -> None:
    """These may be written out."""
    assert not secrets.is_secret(name)


@pytest.mark.parametrize("value", ["hunter22", "", 12345, "x${PW}", {"file": 3}, {"path": "x"}])
def test_a_literal_secret_is_refused_and_not_repeated(value: object) -> None:
    """The refusal names file, key and both ways out; the value is not in it."""
    with pytest.raises(UsageError) as caught:
        secrets.refuse_literal("sasl.password", value, "t.toml: [client]")
    text = str(caught.value)
    assert "t.toml: [client]" in text
    assert "sasl.password" in text
    assert "${SASL_PASSWORD}" in text
    assert "{ file =" in text
    assert "hunter22" not in text
    assert "12345" not in text


@pytest.mark.parametrize("value", ["${PW}", {"file": "pw.txt"}])
def test_a_reference_to_a_secret_passes(value: object) -> None:
    """Both forms of reference are accepted."""
    secrets.refuse_literal("sasl.password", value, "t.toml")


def test_only_properties_of_several_fields_may_mix_text_and_references() -> None:
    """sasl.oauthbearer.config has names and secrets in one string."""
    secrets.refuse_literal("sasl.oauthbearer.config", "principal=me token=${T}", "t.toml")
    with pytest.raises(UsageError, match="may not be written"):
        secrets.refuse_literal("sasl.oauthbearer.config", "principal=me token=abc", "t.toml")


def test_a_secret_on_the_command_line_is_refused() -> None:
    """Everyone on the machine reads command lines; a reference is harmless there."""
    with pytest.raises(UsageError, match=r"Checkout.config.sasl.password.*command line"):
        secrets.refuse_on_command_line("Checkout.config.sasl.password", "hunter22")
    with pytest.raises(UsageError):
        secrets.refuse_on_command_line("sasl.password")
    secrets.refuse_on_command_line("sasl.password", "${PW}")
    secrets.refuse_on_command_line("linger.ms", "5")


def test_a_variable_is_read_when_asked_and_hidden_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value read is masked by the process's mask from then on."""
    monkeypatch.setenv("LK_PW", "s3cr3t-from-env")
    assert secrets.resolve("${LK_PW}", "sasl.password", "t") == "s3cr3t-from-env"
    assert secrets.MASK.text("login failed for s3cr3t-from-env") == f"login failed for {HIDDEN}"


@pytest.mark.parametrize("state", ["unset", "empty"])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """Unset and empty are both errors that name the variable and the property."""
    monkeypatch.delenv("LK_NONE", raising=False)
    if state == "empty":
        monkeypatch.setenv("LK_NONE", "")
    with pytest.raises(UsageError, match=r"sasl.password needs the environment variable LK_NONE"):
        secrets.resolve("${LK_NONE}", "sasl.password", "t.toml")


def test_a_secret_file_is_read_relative_to_the_target_file(tmp_path: Path) -> None:
    """The last newline belongs to the file, not to the secret."""
    (tmp_path / "pw").write_text("from-a-file\n")
    assert secrets.resolve({"file": "pw"}, "sasl.password", "t", tmp_path) == "from-a-file"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        secrets.resolve({"file": "nope"}, "sasl.password", "t", tmp_path)
    (tmp_path / "void").write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        secrets.resolve({"file": "void"}, "sasl.password", "t", tmp_path)


def test_a_username_from_the_environment_is_not_hidden_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hiding a user called `kafka` by value would make every text unreadable."""
    monkeypatch.setenv("LK_USER", "kafka-user-xyz")
    assert secrets.resolve("${LK_USER}", "sasl.username", "t") == "kafka-user-xyz"
    assert secrets.MASK.text("kafka-user-xyz") == "kafka-user-xyz"


AWKWARD = 'p@ss "w/ö\\rd"&<x>'


@pytest.mark.parametrize(
    "carrier",
    [
        lambda s: s,
        lambda s: urllib.parse.quote(s, safe=""),
        urllib.parse.quote_plus,
        lambda s: json.dumps({"a": s}),
        lambda s: json.dumps({"a": s}, ensure_ascii=False),
        lambda s: base64.b64encode(s.encode()).decode(),
        lambda s: base64.b64encode(f"me:{s}".encode()).decode(),
        lambda s: base64.b64encode(f"\0me\0{s}".encode()).decode(),
        lambda s: base64.urlsafe_b64encode(f"user:{s}:tail".encode()).decode(),
        lambda s: s.encode().hex(),
        lambda s: repr({"a": s}),
    ],
)
def test_every_form_of_a_secret_is_hidden(carrier: object) -> None:
    """Quoted, escaped or encoded, alone or inside a longer login: none comes through."""
    mask = Mask()
    mask.add(AWKWARD)
    carried = carrier(AWKWARD)  # type: ignore[operator]
    assert carried not in mask.text(f"x {carried} y")
    assert HIDDEN in mask.text(f"x {carried} y")


@given(st.text(min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_comes_through_in_plain_or_json(secret: str, before: str, after: str) -> None:
    """Whatever stands around it (known answer: the secret is not a part of what comes out)."""
    mask = Mask("")
    mask.add(secret)
    assert secret not in mask.text(f"{before}|{secret}|{after}") or secret in f"{before}||{after}"
    assert json.dumps(secret)[1:-1] not in mask.text("\t" + json.dumps(secret) + "\t") or secret in '\t""\t'


def test_nested_structures_are_hidden_by_key_and_by_value() -> None:
    """A key that holds a secret is hidden whatever its value; a known value wherever it stands."""
    mask = Mask()
    mask.add("known-value")
    hidden = mask.hide(
        {
            "sasl.password": "unknown",
            "list": ["a known-value b", 3],
            "t": ("known-value",),
            "n": None,
            "sasl.username": "me",
        }
    )
    assert hidden == {
        "sasl.password": HIDDEN,
        "list": [f"a {HIDDEN} b", 3],
        "t": (HIDDEN,),
        "n": None,
        "sasl.username": "me",
    }


def test_a_very_short_secret_is_hidden_only_where_it_stands_alone() -> None:
    """Else every `a` of every text would turn to dots."""
    mask = Mask()
    mask.add("ab")
    assert mask.text("cab ab abc (ab)") == f"cab {HIDDEN} abc ({HIDDEN})"


def test_each_line_of_a_key_is_hidden() -> None:
    """A log may print a PEM file line by line."""
    mask = Mask()
    mask.add("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----")
    assert "MIIEvQIBADANBgkqhkiG9w0B" not in mask.text("read MIIEvQIBADANBgkqhkiG9w0B")


def test_a_login_in_a_url_is_hidden() -> None:
    """Metrics endpoints sometimes carry one."""
    assert Mask().text("http://me:pw@b1:7071/metrics") == f"http://{HIDDEN}@b1:7071/metrics"


def test_log_records_and_their_tracebacks_are_hidden() -> None:
    """Message, arguments and exception text all pass the filter."""
    mask = Mask()
    mask.add("log-secret")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(mask)
    logger = logging.getLogger("test_secrets.hidden")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise ValueError("with log-secret inside")
    except ValueError:
        logger.exception("password is %s", "log-secret")
    assert "log-secret" not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) == 3, "message, source line and exception"
