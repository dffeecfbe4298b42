"""The doctor on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka.admin
import pytest
from running import QUICK

from loadkit import ledger
from loadkit.doctor import examine
from loadkit.target import load_target
from loadkit.targets import admin, embedded
from loadkit.targets.embedded import EmbeddedCluster, EmbeddedSpec

pytestmark = pytest.mark.kafka


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the ledger of these tests to themselves."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path))


def written(folder: Path, kafka: EmbeddedCluster, copies: int) -> str:
    """Return the path of a target file for a cluster."""
    path = folder / "t.toml"
    urls = ", ".join(f'"{url}"' for url in kafka.jmx_urls)
    path.write_text(
        f'[client]\n"bootstrap.servers" = "{kafka.bootstrap}"\n[topics]\nreplication_factor = {copies}\n'
        f"min_insync_replicas = {max(1, copies - 1)}\n"
        '[limits]\nmax_rate = "1MB/s"\nmax_bytes = "1MB"\nmax_partitions = 9\n'
        f"[metrics]\njmx_exporter = [{urls}]\n"
    )
    return str(path)


def test_a_sound_cluster_passes_every_check_and_is_left_as_it_was(kafka3: EmbeddedCluster, tmp_path: Path) -> None:
    """Nothing fails, every right was tried, topic and group are gone, and the ledger says so."""
    target = load_target(written(tmp_path, kafka3, 3))
    findings = {finding.check: finding for finding in examine(target)}
    assert {check: finding.text for check, finding in findings.items() if finding.status in ("fail", "skip")} == {}
    rights = [check for check in findings if check.startswith("right to")]
    assert rights == ["right to create topics", "right to produce", "right to consume", "right to delete"]
    assert findings["clock"].status == "ok"
    assert len([check for check in findings if check.startswith("broker ")]) == 3
    assert all(findings[f"metrics {url}"].status in ("ok", "warn") for url in kafka3.jmx_urls)
    connection = admin.connect(target.client_config("admin"))
    assert not [name for name in connection.client.list_topics(timeout=10).topics if "doctor-" in name]
    assert [entry.event for entry in ledger.entries()] == ["made", "gone"]
    assert ledger.left(ledger.entries(), connection.cluster.id) == []


def test_each_fault_has_its_finding_and_its_fix(kafka1: EmbeddedCluster, tmp_path: Path) -> None:
    """Too few brokers for the copies, an endpoint that is not there: the rest is still looked at."""
    path = Path(written(tmp_path, kafka1, 3))
    path.write_text(path.read_text().replace(kafka1.jmx_urls[0], "http://127.0.0.1:1/metrics"))
    findings = {finding.check: finding for finding in examine(load_target(str(path)))}
    failed = {check for check, finding in findings.items() if finding.status == "fail"}
    assert failed == {"replication factor", "right to create topics", "metrics http://127.0.0.1:1/metrics"}
    assert all(findings[check].fix for check in failed)
    assert "at most 1" in findings["replication factor"].fix


def test_a_login_that_is_refused_ends_the_examination(
    kafka1: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else can be asked; the secret is in no finding."""
    monkeypatch.setenv("LK_DOCTOR_PW", "wrong-password-1")
    login = (
        '"security.protocol" = "SASL_PLAINTEXT"\n"sasl.mechanism" = "PLAIN"\n"sasl.username" = "me"\n'
        '"sasl.password" = "${LK_DOCTOR_PW}"\n'
    )
    path = Path(written(tmp_path, kafka1, 1))
    path.write_text(path.read_text().replace("[topics]", login + "[topics]"))
    findings = examine(load_target(str(path)), timeout=3)
    assert (findings[-1].check, findings[-1].status) == ("login", "fail")
    assert findings[-1].fix
    assert not any("wrong-password-1" in finding.text + finding.fix for finding in findings)


AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
acls: Any = confluent_kafka.admin


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedCluster]:
    """Return a node that looks at ACLs, and allows whatever none is about."""
    name = f"embedded?authorizer.class.name={AUTHORIZER}&allow.everyone.if.no.acl.found=true&{QUICK}"
    with embedded.start(EmbeddedSpec.parse(name)) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("denied", "right", "needed"),
    [
        ("TOPIC WRITE", "right to produce", "grant Write and Describe"),
        ("TOPIC READ", "right to consume", "grant Read and Describe"),
        ("GROUP READ", "right to consume", "grant Read, Describe and Delete"),
        ("TOPIC DESCRIBE", "right to create topics", "grant Create, Describe"),
    ],
)
def test_a_missing_right_is_named(
    guarded: EmbeddedCluster, tmp_path: Path, denied: str, right: str, needed: str
) -> None:
    """Denied one operation on the prefix, the doctor names right, topic or group, and the ACL; nothing is left behind."""
    kind, operation = denied.split()
    target = load_target(written(tmp_path, guarded, 1))
    connection = admin.connect(target.client_config("admin"))
    resource, prefixed = getattr(acls.ResourceType, kind), acls.ResourcePatternType.PREFIXED
    rules = [
        acls.AclBinding(
            resource, "loadkit.", prefixed, "User:ANONYMOUS", "*", getattr(acls.AclOperation, each), permission
        )
        for each, permission in ((operation, acls.AclPermissionType.DENY), ("ALL", acls.AclPermissionType.ALLOW))
    ]
    for future in connection.client.create_acls(rules).values():
        future.result(10)
    every = acls.AclBindingFilter(
        resource, "loadkit.", prefixed, None, None, acls.AclOperation.ANY, acls.AclPermissionType.ANY
    )
    try:
        (failed,) = [finding for finding in examine(target) if finding.status == "fail"]
    finally:
        for future in connection.client.delete_acls([every]).values():
            future.result(10)
    assert failed.check == right
    assert needed in failed.text
    assert f"{kind.lower()} 'loadkit.doctor-" in failed.text
    assert "prefix 'loadkit.'" in failed.fix
    ledger.clean(target, connection)
    assert not [name for name in connection.client.list_topics(timeout=10).topics if "doctor-" in name]
