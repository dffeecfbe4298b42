"""What `loadkit init` writes can be used as it is."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from loadkit import init
from loadkit.doctor import examine
from loadkit.errors import UsageError
from loadkit.target import load_target
from loadkit.target_sections import SECTIONS
from loadkit.targets import certificates, tokens

_DESCRIBE = """
import json, sys
from pathlib import Path
from loadkit.scenario_file import load_scenario
scenario = load_scenario(Path(sys.argv[1])).scenario
print(json.dumps({w.name: [w.topic.name, w.topic.partitions, w.fixed_count, dict(w.config)] for w in scenario.workloads}))
"""


def test_the_target_is_good_once_its_variables_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, and the doctor finds nothing wrong with it offline."""
    monkeypatch.setenv("STAGING_USER", "me")
    monkeypatch.setenv("STAGING_PASSWORD", "hunter2-init")
    target = load_target(str(init.write("target", tmp_path)))
    assert (target.name, target.topics.replication_factor, target.cluster.brokers) == ("staging", 3, 3)
    assert target.client_config("producer")["sasl.mechanism"] == "SCRAM-SHA-512"
    assert [finding for finding in examine(target, offline=True) if finding.status in ("warn", "fail")] == []


SECRETS = {
    "MSK_USER": "me", "MSK_PASSWORD": "hunter2-msk", "CONFLUENT_API_KEY": "KEY", "CONFLUENT_API_SECRET": "hunter2-cc",
    "EVENT_HUBS_CONNECTION_STRING": "Endpoint=sb://own.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=b",
    "GMK_SERVICE_ACCOUNT": "a@b.iam.gserviceaccount.com", "GMK_KEY": "aHVudGVyMg==", "REDPANDA_PASSWORD": "hunter2-rp",
}  # fmt: skip


def failed(path: Path) -> dict[str, str]:
    """Return what the doctor finds wrong with a target's file, and what to do."""
    findings = examine(load_target(str(path)), offline=True)
    return {finding.check: finding.fix for finding in findings if finding.status in ("fail", "warn")}


@pytest.mark.parametrize("platform", init.PLATFORMS)
def test_a_platforms_target_says_what_is_missing_and_then_is_good(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First names, secrets, files and libraries are missing; once they are there the doctor finds nothing offline."""
    path = init.write("target", tmp_path / "t.toml", platform)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    wrong = failed(path)
    assert wrong["addresses"] == "write your own name for XXXXX"
    named = [name for name in SECRETS if f"${{{name}}}" in path.read_text()]
    assert wrong.get("secrets", "") == ("export " + " ".join(f"{name}=..." for name in named) if named else "")
    for name in named:
        monkeypatch.setenv(name, SECRETS[name])
    path.write_text(path.read_text().replace("XXXXX", "own"))
    if platform == "strimzi":
        assert "settings of the admin" in failed(path), "its files are missing"
        certificate(tmp_path)
    if platform == "msk-iam":
        assert failed(path) == {"token signer": "pip install aws-msk-iam-sasl-signer-python"}
        monkeypatch.setattr(tokens, "installed", lambda: True)
    assert failed(path) == {}
    text = path.read_text()
    assert f"--target {path}" in text
    assert load_target(str(path)).cluster.platform in text


def certificate(folder: Path) -> None:
    """Write the files that a KafkaUser's client needs."""
    (folder / "openssl.cnf").write_text(certificates.CONFIG)
    one = certificates.Certificate("user", "loadkit", "client")
    for command in certificates.all_of("openssl", folder, [one]):
        subprocess.run(command, check=True, capture_output=True)
    (folder / "ca.pem").rename(folder / "ca.crt")


@pytest.mark.parametrize(
    ("platform", "old", "new", "named"),
    [
        ("msk-scram", ":9096", ":9098", "port 9096 or 9196"),
        ("msk-iam", "OAUTHBEARER", 'PLAIN"\n"sasl.username" = "a"\n"sasl.password" = "${MSK_PASSWORD}', "OAUTHBEARER"),
        ("confluent-cloud", "PLAIN", "SCRAM-SHA-512", "PLAIN or OAUTHBEARER"),
        ("event-hubs", '"$ConnectionString"', '"me"', "$ConnectionString"),
    ],
)
def test_what_a_platform_does_not_speak_is_found_without_a_connection(
    platform: str, old: str, new: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port says how it is spoken to."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = init.write("target", tmp_path / "t.toml", platform)
    path.write_text(path.read_text().replace("XXXXX", "own").replace(old, new))
    assert named in failed(path)["platform"]


def test_what_a_target_is_for_is_one_of_the_known(tmp_path: Path) -> None:
    """And only a target is for something."""
    with pytest.raises(UsageError, match=r"did you mean 'msk-iam'.*strimzi"):
        init.write("target", tmp_path, "msk")
    with pytest.raises(UsageError, match="init target"):
        init.write("scenario", tmp_path, "msk-iam")


def test_the_command_writes_a_platforms_target(tmp_path: Path) -> None:
    """As it is typed; the doctor's exit code says that something is missing."""
    command = [sys.executable, "-m", "loadkit", "init", "target", str(tmp_path / "t.toml"), "--for", "redpanda"]
    subprocess.run(command, check=True, capture_output=True)
    assert load_target(str(tmp_path / "t.toml")).cluster.platform == "redpanda"


def test_the_target_shows_every_field_there_is() -> None:
    """A new field that is not in the template would stay unknown to its users."""
    content = init.text("target")
    parsed = tomllib.loads(content)
    assert parsed.keys() == {"name", "client", "producer", *SECTIONS}
    for section, model in SECTIONS.items():
        assert [
            field for field in model.model_fields if field not in parsed[section] and f"# {field} =" not in content
        ] == []


def test_a_commented_line_works_when_its_sign_is_taken_away(tmp_path: Path) -> None:
    """Comments that do not parse teach mistakes."""
    lines = init.text("target").splitlines()
    opened = [line[2:] if line.startswith(('# "', "# jmx", "# shape")) else line for line in lines]
    (tmp_path / "ca.pem").touch()
    (tmp_path / "t.toml").write_text("\n".join(opened))
    target = load_target(str(tmp_path / "t.toml"))
    assert target.producer == {"linger.ms": 5}
    assert len(target.metrics.jmx_exporter) == 3
    assert target.cluster.shape == "m7g.large"


def test_the_scenario_declares_what_it_says(tmp_path: Path) -> None:
    """It is read as `loadkit run` reads it, in a process of its own, as Locust changes the one it is in."""
    path = init.write("scenario", tmp_path / "mine.py")
    done = subprocess.run([sys.executable, "-c", _DESCRIBE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "Checkout": ["orders", 12, 4, {"linger.ms": "5", "batch.size": "65536", "compression.type": "lz4"}],
        "Billing": ["orders", 12, 3, {}],
    }
    assert f"loadkit run {path} --target simulated" in path.read_text()


def test_the_scenario_runs_on_the_simulated_target(tmp_path: Path) -> None:
    """One command after another, as a newcomer types them."""
    path = init.write("scenario", tmp_path / "mine.py")
    command = [sys.executable, "-m", "loadkit", "run", str(path), "--target", "simulated", "--duration", "2s"]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "result.json").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The file that is there stays as it is."""
    path = init.write("target", tmp_path / "t.toml")
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"t\.toml is there already"):
        init.write("target", path)
    assert path.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """And an unknown kind names those there are."""
    with pytest.raises(UsageError, match="cannot be written"):
        init.write("target", tmp_path / "no" / "t.toml")
    with pytest.raises(UsageError, match=r"did you mean 'target'.*target, scenario"):
        init.write("targt", tmp_path)


def test_without_a_path_it_is_written_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its usual name."""
    monkeypatch.chdir(tmp_path)
    assert [str(init.write(kind)) for kind in ("target", "scenario")] == ["target.toml", "scenario.py"]
    assert {path.name for path in tmp_path.iterdir()} == {"target.toml", "scenario.py"}
