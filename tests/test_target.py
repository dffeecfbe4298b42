"""Targets: a file is checked whole, every mistake has a way out, and no secret is in it."""

from __future__ import annotations

import json
import math
import pickle
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import target as target_module
from loadkit.errors import TargetFileError, UsageError
from loadkit.target import Target, check_limits, load_target
from loadkit.target_sections import Limits
from loadkit.targets.properties import Layer
from loadkit.units import parse_size

WHOLE = """
name = "staging"
[client]
"bootstrap.servers" = "b1:9093,b2:9093,b3:9093"
"security.protocol" = "SASL_SSL"
"sasl.mechanism" = "SCRAM-SHA-512"
"sasl.username" = "${STAGING_USER}"
"sasl.password" = "${STAGING_PASSWORD}"
[producer]
"linger.ms" = 10
[topics]
prefix = "loadkit."
replication_factor = 3
min_insync_replicas = 2
retention = "6h"
retention_bytes = "10GiB"
allow_existing = ["orders"]
[limits]
max_rate = "50MB/s"
max_bytes = "100GB"
max_partitions = 200
[metrics]
jmx_exporter = ["http://b1:7071/metrics"]
[cluster]
platform = "self-managed"
brokers = 3
zones = 3
shape = "m7g.large"
"""
SHORT = """
[client]
"bootstrap.servers" = "b1:9092"
[limits]
max_rate = "50MB/s"
max_bytes = "100GB"
max_partitions = 200
"""


def written(folder: Path, content: str) -> str:
    """Return the path of a target file with this content."""
    path = folder / "t.toml"
    path.write_text(content, encoding="utf-8")
    return str(path)


def refusal(folder: Path, content: str) -> str:
    """Return what `load_target` says against a file."""
    with pytest.raises(TargetFileError) as caught:
        load_target(written(folder, content))
    assert str(folder / "t.toml") in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_whole_file_of_the_contract_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every section lands in its field, in seconds and bytes."""
    monkeypatch.setenv("STAGING_USER", "me")
    monkeypatch.setenv("STAGING_PASSWORD", "hunter2-whole")
    target = load_target(written(tmp_path, WHOLE))
    assert (target.kind, target.name, target.built_in) == ("file", "staging", False)
    assert target.topics.retention == 21600
    assert target.topics.allow_existing == ("orders",)
    assert target.limits == Limits(max_rate=50e6, max_bytes=100 * 10**9, max_partitions=200)
    assert target.metrics.jmx_exporter == ("http://b1:7071/metrics",)
    assert target.cluster.shape == "m7g.large"
    assert target.topics.config() == {
        "retention.ms": "21600000",
        "retention.bytes": "10737418240",
        "min.insync.replicas": "2",
    }
    producer, consumer = target.client_config("producer"), target.client_config("consumer")
    assert (producer["linger.ms"], producer["sasl.password"], producer["acks"]) == ("10", "hunter2-whole", "all")
    assert "linger.ms" not in consumer
    assert consumer["sasl.username"] == "me"


def test_a_short_file_gets_the_defaults(tmp_path: Path) -> None:
    """Only the addresses and the limits are needed; the name is the file's."""
    target = load_target(written(tmp_path, SHORT))
    assert (target.name, target.topics.prefix, target.topics.replication_factor) == ("t", "loadkit.", None)
    assert "min.insync.replicas" not in target.topics.config()


@pytest.mark.parametrize("text", ["embedded", "embedded:3@3.6.2?pause=1", "simulated", "simulated?sink=1"])
def test_built_in_names_are_kept_as_they_are(text: str) -> None:
    """Their own modules read the parameters; they have no limits."""
    target = load_target(text)
    assert target.kind == text[: len(target.kind)]
    assert target.text == text
    assert target.built_in
    check_limits(target, math.inf, math.inf, 10**9)


@pytest.mark.parametrize("text", ["embeded", "embedded3", "nope.toml", "simulatedx"])
def test_a_name_that_is_nothing_lists_the_built_in_ones(text: str) -> None:
    """And says how a file is made."""
    with pytest.raises(TargetFileError, match=r"no target file.*loadkit init target.*embedded, embedded:3, simulated"):
        load_target(text)


def test_a_file_without_limits_shows_the_lines_to_paste(tmp_path: Path) -> None:
    """Pasting them makes the file good."""
    text = refusal(tmp_path, SHORT[: SHORT.index("[limits]")])
    pasted = text[text.index("[limits]\n") :]
    assert tomllib.loads(pasted)["limits"].keys() == {"max_rate", "max_bytes", "max_partitions"}
    assert load_target(written(tmp_path, SHORT[: SHORT.index("[limits]")] + pasted)).limits is not None


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("[client]", "[client", ["is not TOML", "line"]),
        ("max_rate", "max_rte", ["limits.max_rte", "did you mean 'max_rate'", "limits.max_rate is missing"]),
        ('"50MB/s"', '"fast"', ["limits.max_rate", "'50MB/s'"]),
        ("= 200", "= 0", ["limits.max_partitions", "greater than or equal to 1"]),
        ("[limits]", "[topics]\nprefx = 'a'\n[limits]", ["topics.prefx", "did you mean 'prefix'"]),
        ("[limits]", "[topics]\nprefix = ''\n[limits]", ["topics.prefix", "not a topic name"]),
        ("[limits]", "[topics]\nprefix = 'a b'\n[limits]", ["topics.prefix", "'a b'"]),
        (
            "[limits]",
            "[topics]\nreplication_factor = 2\nmin_insync_replicas = 3\n[limits]",
            ["topics", "above replication_factor"],
        ),
        ("[limits]", "[topics]\nretention = '6 apples'\n[limits]", ["topics.retention", "unit of time"]),
        (
            "[limits]",
            "[topics]\nreplication_factor = 5\n[cluster]\nbrokers = 3\n[limits]",
            ["above cluster.brokers = 3"],
        ),
        ("[limits]", "[cluster]\nplatform = 'kafka'\n[limits]", ["cluster.platform", "'self-managed'"]),
        (
            "[limits]",
            "[metrics]\njmx_exporter = ['b1:7071']\n[limits]",
            ["metrics.jmx_exporter.0", "http://b1:7071/metrics"],
        ),
        ("[limits]", "[metrics]\njmx_exporter = ['http://u:hunter2@b1']\n[limits]", ["holds a password"]),
        ("[limits]", "[produce]\n[limits]", ["'produce'", "did you mean 'producer'"]),
        ("[client]", "'linger.ms' = 5\n[client]", ["'linger.ms'", "stand under [client]"]),
        ("[client]", "kind = 'embedded'\n[client]", ["unknown key 'kind'"]),
        ("[client]", "topics = 3\n[client]", ["write [topics]"]),
        ('"bootstrap.servers" = "b1:9092"', "", ['[client] needs "bootstrap.servers"']),
        ('"b1:9092"', '"b1:9092:1"', ["[client]", "is not host:port"]),
        ("[limits]", "[client2]\n[limits]", ["'client2'", "did you mean 'client'"]),
        ("[limits]", "[consumer]\n'linger.ms' = 5\n[limits]", ["[consumer]", "a producer's property"]),
        ("[limits]", "[producer]\n'lingr.ms' = 5\n[limits]", ["[producer]", "did you mean 'linger.ms'"]),
        ("[limits]", "[producer]\nacks = 1\n'enable.idempotence' = true\n[limits]", ["[producer]", "cannot work with"]),
        (
            "[limits]",
            "'sasl.password' = 'hunter2'\n[limits]",
            ["[client]", "sasl.password is a secret", "${SASL_PASSWORD}"],
        ),
        ("[limits]", "'ssl.key.pem' = 'hunter2'\n[limits]", ["[client]", "ssl.key.pem is a secret"]),
        ("[limits]", "'sasl.oauthbearer.client.credentials.client.secret' = 'hunter2'\n[limits]", ["is a secret"]),
    ],
)
def test_every_mistake_names_the_file_the_key_and_the_way_out(
    tmp_path: Path, old: str, new: str, parts: list[str]
) -> None:
    """One sentence, exit code 2, and never a secret."""
    assert old in SHORT
    text = refusal(tmp_path, SHORT.replace(old, new, 1))
    assert [part for part in parts if part not in text] == [], text
    assert "hunter2" not in text


def test_an_unquoted_property_name_is_understood(tmp_path: Path) -> None:
    """TOML reads `linger.ms = 5` as a table in a table; people forget the quotes."""
    (tmp_path / "pw").write_text("pw-from-file\n")
    content = SHORT.replace(
        "[limits]",
        "security.protocol = 'SASL_SSL'\nsasl.mechanism = 'PLAIN'\nsasl.username = 'me'\n"
        "sasl.password = { file = 'pw' }\n[producer]\nlinger.ms = 7\n[limits]",
    )
    config = load_target(written(tmp_path, content)).client_config("producer")
    assert (config["linger.ms"], config["sasl.mechanism"], config["sasl.password"]) == ("7", "PLAIN", "pw-from-file")


def test_secrets_are_read_when_a_client_is_made_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with unset variables loads; the client's config names what is missing."""
    monkeypatch.delenv("STAGING_PASSWORD", raising=False)
    monkeypatch.setenv("STAGING_USER", "me")
    target = load_target(written(tmp_path, WHOLE))
    with pytest.raises(TargetFileError, match=r"sasl.password needs the environment variable STAGING_PASSWORD"):
        target.client_config("admin")


def test_no_form_of_the_target_holds_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text, its pickle (what workers get) and its public form are free of it, also after it was read."""
    monkeypatch.setenv("STAGING_USER", "me")
    monkeypatch.setenv("STAGING_PASSWORD", "hunter2-nowhere")
    target = load_target(written(tmp_path, WHOLE))
    target.client_config("producer")
    public = json.dumps(target.public())
    assert "hunter2-nowhere" not in repr(target) + public
    assert b"hunter2-nowhere" not in pickle.dumps(target)
    assert str(tmp_path) not in public
    assert "staging" in public
    assert "STAGING_PASSWORD" not in public


def test_a_value_from_the_environment_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference postpones the check, it does not lift it."""
    target = load_target(written(tmp_path, SHORT.replace('"b1:9092"', '"${LK_SERVERS}"')))
    monkeypatch.setenv("LK_SERVERS", "a:1,b:2")
    assert target.client_config("admin")["bootstrap.servers"] == "a:1,b:2"
    monkeypatch.setenv("LK_SERVERS", "not a server")
    with pytest.raises(TargetFileError, match="is not host:port"):
        target.client_config("admin")


def test_a_class_config_lies_over_the_file_and_may_hold_no_secret(tmp_path: Path) -> None:
    """The layers: defaults, [client], [producer], the class."""
    target = load_target(written(tmp_path, SHORT))
    config = target.client_config("producer", Layer("Checkout.config", {"linger.ms": 20, "client.id": "mine"}))
    assert (config["linger.ms"], config["client.id"]) == ("20", "mine")
    with pytest.raises(TargetFileError, match=r"Checkout.config: sasl.password is a secret"):
        target.client_config("producer", Layer("Checkout.config", {"sasl.password": "x"}))


def test_files_are_looked_for_beside_the_target_file(tmp_path: Path) -> None:
    """Whatever folder the command runs in; a missing one is named."""
    content = SHORT.replace("[limits]", "'security.protocol' = 'SSL'\n'ssl.ca.location' = 'ca.pem'\n[limits]")
    target = load_target(written(tmp_path, content))
    with pytest.raises(TargetFileError, match=r"ssl.ca.location names .*ca.pem, which does not exist"):
        target.client_config("admin")
    (tmp_path / "ca.pem").touch()
    assert target.client_config("admin")["ssl.ca.location"] == str((tmp_path / "ca.pem").resolve())


def test_a_started_built_in_target_is_reached_at_its_address() -> None:
    """`at` gives a started cluster's address to every client."""
    target = load_target("embedded").at("127.0.0.1:1234", broker_address_family="v4")
    config = target.client_config("share")
    assert (config["bootstrap.servers"], config["broker.address.family"]) == ("127.0.0.1:1234", "v4")


def test_real_names_carry_prefix_and_run_id_and_fit(tmp_path: Path) -> None:
    """Kafka takes 249 characters."""
    target = load_target("embedded")
    assert target.named("r1", "orders") == "loadkit.r1.orders"
    with pytest.raises(UsageError, match="shorten"):
        target.named("r1", "o" * 245)


@pytest.mark.parametrize(
    ("rate", "total", "partitions", "parts"),
    [
        (50_000_001, 1, 1, ["max_rate", 'set max_rate = "51MB/s"']),
        (1, 123.4e9, 1, ["max_bytes", 'set max_bytes = "124GB"']),
        (1, None, 201, ["max_partitions", "set max_partitions = 201"]),
        (50e6, 100e9, 200, []),
        (1, None, 1, []),
    ],
)
def test_a_run_beyond_a_limit_is_refused_with_the_value_it_needs(
    tmp_path: Path, rate: float, total: float | None, partitions: int, parts: list[str]
) -> None:
    """At the limit is within it; the value named is enough."""
    target = load_target(written(tmp_path, SHORT))
    if not parts:
        check_limits(target, rate, total, partitions)
        return
    with pytest.raises(UsageError) as caught:
        check_limits(target, rate, total, partitions)
    assert [part for part in parts if part not in str(caught.value)] == []


@given(st.floats(1, 1e15))
def test_the_value_named_is_always_enough(count: float) -> None:
    """Rounded up by a tenth at most, and readable by the file's own parser."""
    named = parse_size(target_module._enough(count))
    assert count <= named <= max(count * 1.1, count + 1)


def test_a_target_is_immutable() -> None:
    """A run cannot change what it was given."""
    with pytest.raises(Exception, match="frozen"):
        Target(kind="simulated", text="simulated", name="simulated").name = "x"  # type: ignore[misc]
