"""What the doctor concludes from settings and measurements, without a cluster."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import doctor, health
from loadkit.target import Target, load_target
from loadkit.target_sections import Limits, Topics
from loadkit.targets.admin import Broker, Cluster
from loadkit.targets.probe import Stored

GOOD = """
[client]
"bootstrap.servers" = "127.0.0.1:1"
[topics]
replication_factor = 3
min_insync_replicas = 2
[limits]
max_rate = "50MB/s"
max_bytes = "100GB"
max_partitions = 200
"""

LOGIN = '"security.protocol" = "SASL_SSL"\n"sasl.mechanism" = "PLAIN"\n"sasl.username" = "me"\n"sasl.password" = '


def cluster(brokers: int) -> Cluster:
    """Return a cluster of so many brokers."""
    return Cluster("C1", tuple(Broker(number, "b", 9092, None) for number in range(brokers)), 0, "4.3")


def target(copies: int | None = 3, needed: int | None = 2, partitions: int = 200) -> Target:
    """Return a file target with these topic settings."""
    limits = Limits(max_rate=1e6, max_bytes=10**9, max_partitions=partitions)
    topics = Topics(replication_factor=copies, min_insync_replicas=needed)
    return Target(
        kind="file", text="t.toml", name="t", client={"bootstrap.servers": "b:1"}, topics=topics, limits=limits
    )


def test_a_good_file_is_good_offline(tmp_path: Path) -> None:
    """Nothing is reached, and that is said."""
    (tmp_path / "t.toml").write_text(GOOD)
    findings = doctor.examine(load_target(str(tmp_path / "t.toml")), offline=True)
    assert {finding.status for finding in findings[:-1]} == {"ok"}
    assert findings[-1].status == "skip"


def test_a_missing_secret_fails_offline_and_nothing_is_asked_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding names the variable; the cluster is not bothered with half a login."""
    monkeypatch.delenv("LK_PW", raising=False)
    login = LOGIN + '"${LK_PW}"\n'
    (tmp_path / "t.toml").write_text(GOOD.replace("[topics]", login + "[topics]"))
    findings = doctor.examine(load_target(str(tmp_path / "t.toml")))
    assert [finding.status for finding in findings if "LK_PW" in finding.text] == ["fail"]
    assert findings[0].fix == "export LK_PW=..."
    assert findings[-1] == health.Finding("cluster", "skip", "not asked: the settings have to be right first")


def test_what_librdkafka_refuses_is_found_before_the_run(tmp_path: Path) -> None:
    """It is the final judge of a config."""
    (tmp_path / "t.toml").write_text(GOOD + "[consumer]\n'max.poll.interval.ms' = 1000\n'session.timeout.ms' = 6000\n")
    failed = [
        finding
        for finding in doctor.examine(load_target(str(tmp_path / "t.toml")), offline=True)
        if finding.status == "fail"
    ]
    assert [finding.check for finding in failed] == ["settings of the consumer"]
    assert "max.poll.interval.ms" in failed[0].text
    assert "[consumer]" in failed[0].fix


def test_a_secret_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    """And how to close it."""
    secret = tmp_path / "pw"
    secret.write_text("x12345")
    secret.chmod(0o644)
    login = LOGIN + '{ file = "pw" }\n'
    (tmp_path / "t.toml").write_text(GOOD.replace("[topics]", login + "[topics]"))
    read = load_target(str(tmp_path / "t.toml"))
    assert any(finding.fix == f"chmod 600 {secret}" for finding in doctor.examine(read, offline=True))
    secret.chmod(0o600)
    assert not any("chmod" in finding.fix for finding in doctor.examine(read, offline=True))


def test_an_address_that_does_not_answer_fails_with_what_to_check(tmp_path: Path) -> None:
    """A closed port and an unknown name are told apart; no login is tried."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        content = GOOD.replace("127.0.0.1:1", f"127.0.0.1:{port},no.such.host.invalid:9092")
        (tmp_path / "t.toml").write_text(content)
        findings = doctor.examine(load_target(str(tmp_path / "t.toml")), timeout=2)
    failed = [finding for finding in findings if finding.status == "fail"]
    assert len(failed) == 2
    assert "refused" in failed[0].text
    assert "DNS" in failed[1].fix
    assert not any(finding.check == "login" for finding in findings)


def test_the_simulated_target_needs_no_cluster() -> None:
    """There is nobody to ask."""
    assert [finding.status for finding in doctor.examine(load_target("simulated"))] == ["skip"]


@pytest.mark.parametrize(
    ("config", "status", "part"),
    [
        ({"bootstrap.servers": "127.0.0.1:1,localhost:2,[::1]:3"}, "ok", "on this machine"),
        ({"bootstrap.servers": "127.0.0.1:1,b2:2"}, "warn", "can be read on the way"),
        ({"bootstrap.servers": "b:1", "security.protocol": "sasl_plaintext"}, "warn", "a login included"),
        ({"bootstrap.servers": "b:1", "security.protocol": "ssl"}, "ok", "ssl"),
        ({"bootstrap.servers": "b:1", "security.protocol": "ssl", "enable.ssl.certificate.verification": "false"},
         "warn", "anyone"),
    ],
)  # fmt: skip
def test_encryption(config: dict[str, str], status: str, part: str) -> None:
    """Only what leaves this machine in the clear, or trusts anybody, is worth a warning."""
    (finding,) = health.security(config)
    assert finding.status == status
    assert part in finding.text
    assert bool(finding.fix) == (status != "ok")


@pytest.mark.parametrize(
    ("copies", "needed", "told"),
    [(3, 2, 0), (None, None, 0), (1, 1, 2), (2, 2, 2), (3, 3, 1), (3, 1, 1)],
)
def test_durability_of_the_topics_asked_for(copies: int | None, needed: int | None, told: int) -> None:
    """Fewer than three copies, one in-sync copy, or no room for a restart."""
    findings = list(health.durability(target(copies, needed)))
    assert len(findings) == told
    assert all(finding.status == "warn" and finding.fix for finding in findings)


@pytest.mark.parametrize(
    ("aim", "brokers", "broker", "expected"),
    [
        (target(3, 2), 3, {}, {}),
        (target(3, 2), 2, {}, {"replication factor": "fail"}),
        (target(None, 2), 3, {"default.replication.factor": "1"},
         {"replication factor": "warn", "in-sync replicas": "fail"}),
        (target(None, None), 3, {"default.replication.factor": "3", "min.insync.replicas": "2"}, {}),
        (target(3, None), 3, {"min.insync.replicas": "1"}, {"in-sync replicas": "warn"}),
        (target(3, None), 3, {"min.insync.replicas": "4"}, {"in-sync replicas": "fail"}),
        (target(3, 2), 3, {"unclean.leader.election.enable": "true"}, {"leader election": "warn"}),
        (target(3, 2), 3, {"message.max.bytes": "1000"}, {"message size": "warn"}),
        (target(3, 2, partitions=4000), 3, {}, {}),
        (target(3, 2, partitions=4001), 3, {}, {"limits": "warn"}),
    ],
)  # fmt: skip
def test_what_the_clusters_settings_mean(
    aim: Target, brokers: int, broker: dict[str, str], expected: dict[str, str]
) -> None:
    """Each is told once, with what to do."""
    findings = [finding for finding in health.settings(aim, cluster(brokers), broker) if finding.status != "ok"]
    assert {finding.check: finding.status for finding in findings} == expected
    assert all(finding.fix for finding in findings)


@given(
    st.floats(-3600, 3600),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(1e-5, 0.5), st.floats(0, 1)), min_size=1, max_size=8),
)
def test_the_true_offset_lies_within_the_bound(offset: float, trips: list[tuple[float, float, float]]) -> None:
    """Wherever in the round trip the broker read its clock, and though it cuts to milliseconds."""
    samples = []
    for sent, trip, share in trips:
        stamp = sent + trip * share + offset
        samples.append(Stored(sent, stamp // 0.001 * 0.001, sent + trip))
    found, bound = health.clock_offset(samples)
    assert abs(found - offset) <= bound + 1e-6
    assert bound <= min(trip for _, trip, _ in trips) / 2 + 0.0005 + 1e-6


def test_a_clock_far_off_is_told_with_its_side() -> None:
    """The worst broker counts."""
    near = [Stored(100.0, 100.0, 100.002)]
    assert health.clock([near]).status == "ok"
    behind = health.clock([near, [Stored(100.0, 90.0, 100.002)]])
    assert behind.status == "warn"
    assert "behind" in behind.text
    assert "10.0 s" in behind.text
    assert "ahead" in health.clock([[Stored(100.0, 105.0, 100.002)], near]).text


def test_findings_read_as_lines_and_as_rows() -> None:
    """What to do stands below what was found, and the last line counts."""
    findings = [health.Finding("login", "ok", "cluster C1"), health.Finding("clock", "warn", "10 s behind", "run NTP")]
    lines = doctor.as_text(findings).splitlines()
    assert lines == ["ok    login  cluster C1", "warn  clock  10 s behind", "             -> run NTP", "1 ok, 1 warn"]
    assert doctor.as_row(findings[1]) == {"check": "clock", "status": "warn", "text": "10 s behind", "fix": "run NTP"}
    assert doctor.as_text([]) == ""
