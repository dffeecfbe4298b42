"""What the name of an embedded cluster asks for, and the files and commands that follow from it."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import TargetFileError
from loadkit.targets import embedded_ready, embedded_spec
from loadkit.targets.embedded_spec import EmbeddedSpec, Node, parse_cpu_list, split_cpus

NODES = [Node(id, 9000 + id, 9100 + id, 9200 + id, Path(f"/d/node-{id}")) for id in (1, 2, 3)]


def lines_of(spec: EmbeddedSpec, nodes: list[Node]) -> dict[str, str]:
    text = embedded_spec.properties(spec, nodes[0], nodes)
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("embedded", EmbeddedSpec(1, "4.3.1", {})),
        ("embedded:1", EmbeddedSpec(1, "4.3.1", {})),
        ("embedded:3", EmbeddedSpec(3, "4.3.1", {})),
        ("embedded@3.6.2", EmbeddedSpec(1, "3.6.2", {})),
        ("embedded?heap=512M", EmbeddedSpec(1, "4.3.1", {"heap": "512m"})),
        (
            "embedded:3@3.6.2?heap=2g&log.segment.bytes=1048576",
            EmbeddedSpec(3, "3.6.2", {"heap": "2g", "log.segment.bytes": "1048576"}),
        ),
        ("embedded?jvm=-Xss1m -XX:-UsePerfData", EmbeddedSpec(1, "4.3.1", {"jvm": "-Xss1m -XX:-UsePerfData"})),
        ("embedded?ssl.cipher.suites=a%26b", EmbeddedSpec(1, "4.3.1", {"ssl.cipher.suites": "a&b"})),
    ],
)
def test_a_name_says_nodes_version_and_properties(text: str, spec: EmbeddedSpec) -> None:
    """Each part of `embedded[:N][@V][?P=V&...]` has a default and lands in its field."""
    assert EmbeddedSpec.parse(text) == spec
    assert EmbeddedSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("embed", "embedded[:1|:3]"),
        ("embedded:2", "1 or 3 nodes"),
        ("embedded:", "1 or 3 nodes"),
        ("embedded:three", "'three'"),
        ("embedded@3.5.2", "3.6.0"),
        ("embedded@4.3", "in full"),
        ("embedded@latest", "'latest'"),
        ("embedded?heap=lots", "512m"),
        ("embedded?heap=64m", "256m"),
        ("embedded?haep=1g", "did you mean 'heap'"),
        ("embedded?jvm=Xss1m", "list of JVM options"),
        ("embedded?num.partitions", "PROPERTY=VALUE"),
        ("embedded?num.partitions=", "PROPERTY=VALUE"),
        ("embedded?a.b=1&a.b=2", "given twice"),
        ("embedded?listeners=PLAINTEXT://:9092", "set by loadkit"),
        ("embedded?a.b=1%0Alisteners=x", "PROPERTY=VALUE"),
    ],
)
def test_a_wrong_name_says_what_is_possible(text: str, named: str) -> None:
    """The error is about the target (exit code 2) and names the wrong part or the way out."""
    with pytest.raises(TargetFileError) as caught:
        EmbeddedSpec.parse(text)
    assert named in str(caught.value)
    assert caught.value.exit_code == 2


def test_three_nodes_replicate_to_all_and_need_two() -> None:
    """RF 3 and minISR 2 hold for user topics and for the internal ones."""
    lines = lines_of(EmbeddedSpec(nodes=3), NODES)
    assert {lines[key] for key in lines if key.endswith("replication.factor")} == {"3"}
    assert {lines[key] for key in lines if key.endswith(("min.isr", "insync.replicas"))} == {"2"}
    assert lines["controller.quorum.voters"] == "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"


def test_one_node_never_waits_for_a_second() -> None:
    """Every replication factor and every minISR is 1, else the internal topics could not be made."""
    lines = lines_of(EmbeddedSpec(), NODES[:1])
    wanted = [key for key in lines if key.endswith(("replication.factor", "min.isr", "insync.replicas"))]
    assert len(wanted) == 7
    assert {lines[key] for key in wanted} == {"1"}


@pytest.mark.parametrize("version", ["3.6.2", "4.0.0", "4.3.1"])
def test_every_listener_is_on_loopback(version: str) -> None:
    """No address but 127.0.0.1 stands in a listener or a voter."""
    lines = lines_of(EmbeddedSpec(version=version), NODES[:1])
    assert lines["listeners"] == "PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101"
    assert lines["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9001"


def test_a_users_property_wins_and_heap_is_none_of_kafkas() -> None:
    """What the target's name says replaces our default; `heap` goes to the JVM alone."""
    spec = EmbeddedSpec.parse("embedded?heap=2g&delete.topic.enable=false")
    lines = lines_of(spec, NODES[:1])
    assert lines["delete.topic.enable"] == "false"
    assert "heap" not in lines
    command = embedded_spec.node_command(Path("/j"), "cp", Path("/agent.jar"), spec, NODES[0])
    assert "-Xmx2g" in command
    assert "-javaagent:/agent.jar=127.0.0.1:9201:/d/node-1/jmx_rules.yml" in command


def test_options_for_the_jvm_come_after_ours_and_are_none_of_kafkas() -> None:
    """Of two that differ the JVM takes the later one; what keeps its files in its folder comes later still."""
    spec = EmbeddedSpec.parse("embedded?jvm=-XX:MaxGCPauseMillis=5 -XX:+UsePerfData")
    assert "jvm" not in lines_of(spec, NODES[:1])
    command = embedded_spec.node_command(Path("/j"), "cp", Path("/agent.jar"), spec, NODES[0])
    assert command.index("-XX:MaxGCPauseMillis=20") < command.index("-XX:MaxGCPauseMillis=5")
    assert command.index("-XX:+UsePerfData") < command.index("-XX:-UsePerfData")


def test_share_groups_are_asked_for_only_where_they_exist() -> None:
    """A 3.x broker gets no property of share groups; 4.0 and 4.1 need to be told that they are wanted."""
    three, four, early, preview = (EmbeddedSpec(version=name) for name in ("3.6.2", "4.3.1", "4.0.0", "4.1.1"))
    assert not [key for key in lines_of(three, NODES[:1]) if key.startswith(("share", "group.share"))]
    assert "unstable.api.versions.enable" not in lines_of(four, NODES[:1])
    assert "share" in lines_of(early, NODES[:1])["group.coordinator.rebalance.protocols"]
    commands = [embedded_spec.format_command(Path("/j"), "cp", one, NODES[0], "id") for one in (preview, four)]
    assert ["share.version=1" in command for command in commands] == [True, False]


def test_all_that_a_jvm_writes_is_in_its_own_folder() -> None:
    """Native libraries, crash files and performance data go where the supervisor removes them."""
    command = embedded_spec.node_command(Path("/j"), "cp", Path("/a.jar"), EmbeddedSpec(), NODES[0])
    assert "-Djava.io.tmpdir=/d/node-1/tmp" in command
    assert "-XX:ErrorFile=/d/node-1/hs_err.log" in command
    assert "-XX:-UsePerfData" in command


@pytest.mark.parametrize("available", [set(), {0}, {0, 1}, {3, 5, 9}])
def test_fewer_than_four_cpus_are_shared(available: set[int]) -> None:
    """Two disjoint sets of one core each would starve both sides."""
    assert split_cpus(available) is None


def test_threads_of_one_core_stay_together() -> None:
    """On 4 cores with 2 threads each, numbered as most machines do, the halves share no core."""
    siblings = [frozenset({core, core + 4}) for core in range(4)]
    assert split_cpus(range(8), siblings) == (frozenset({2, 3, 6, 7}), frozenset({0, 1, 4, 5}))


@given(
    available=st.sets(st.integers(0, 255), min_size=4, max_size=64),
    threads=st.sampled_from([1, 2, 4]),
    adjacent=st.booleans(),
)
def test_broker_and_generator_never_share_a_cpu(available: set[int], threads: int, adjacent: bool) -> None:
    """The halves are disjoint, not empty, cover what is available, and the broker's is at least one core's as many."""

    def group(cpu: int) -> int:
        return cpu // threads if adjacent else cpu % (256 // threads)

    cores = [frozenset(cpu for cpu in range(256) if group(cpu) == core) for core in range(256 // threads)]
    broker, generator = split_cpus(available, cores) or (frozenset(), frozenset())
    assert broker
    assert generator
    assert not broker & generator
    assert broker | generator == available
    used = {group(cpu) for cpu in available}
    if len(used) > 1:
        assert not {group(cpu) for cpu in broker} & {group(cpu) for cpu in generator}
        assert len({group(cpu) for cpu in broker}) - len({group(cpu) for cpu in generator}) in (0, 1)


@pytest.mark.parametrize(("text", "cpus"), [("0\n", {0}), ("0,8\n", {0, 8}), ("2-4,7", {2, 3, 4, 7})])
def test_linux_cpu_lists_are_understood(text: str, cpus: set[int]) -> None:
    """Commas separate ranges whose ends belong to them."""
    assert parse_cpu_list(text) == cpus


def test_a_metadata_request_is_what_the_protocol_guide_says() -> None:
    """Length, api key 3, version 1, correlation 1, client id, and an empty list of topics."""
    assert embedded_ready.request() == bytes.fromhex("00000015000300010000000100076c6f61646b697400000000")


@given(
    st.lists(
        st.tuples(st.integers(0, 2**31 - 1), st.text(max_size=20), st.none() | st.text(max_size=5)),
        unique_by=lambda one: one[0],
    )
)
def test_the_brokers_of_a_metadata_response_are_read(brokers: list[tuple[int, str, str | None]]) -> None:
    """Host and rack have any length, a missing rack is -1, and what follows the brokers is left alone."""
    body = struct.pack(">ii", 1, len(brokers))
    for node, host, rack in brokers:
        name, zone = host.encode(), None if rack is None else rack.encode()
        body += struct.pack(f">ih{len(name)}si", node, len(name), name, 9092)
        body += struct.pack(">h", -1) if zone is None else struct.pack(f">h{len(zone)}s", len(zone), zone)
    assert embedded_ready.brokers(body + struct.pack(">ii", 1, 0)) == {node for node, _, _ in brokers}


def test_nobody_listening_means_no_broker() -> None:
    """A refused connection is an answer (none is live), not an error."""
    assert embedded_ready.live_brokers(1) == frozenset()


def test_specs_differ_by_what_they_ask() -> None:
    """Specs are values: equal when all they ask is equal."""
    assert EmbeddedSpec() == EmbeddedSpec(params={})
    assert EmbeddedSpec() != replace(EmbeddedSpec(), nodes=3)
