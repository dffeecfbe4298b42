"""Points laid over a scenario and a target: which can work, which are safe, and which is the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadkit import keys, payloads
from loadkit.errors import UsageError
from loadkit.points import Points
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, Topic, Transactions
from loadkit.sweep.spec import Axis, Point, parse_axis
from loadkit.target import Target, load_target

TARGET = """
[client]
"bootstrap.servers" = "127.0.0.1:1"
[topics]
replication_factor = {copies}
min_insync_replicas = {in_sync}
[limits]
max_rate = "50MB/s"
max_bytes = "1GB"
max_partitions = 100
"""


def scenario(topic: dict[str, Any] | None = None, **fields: Any) -> Scenario:
    """Return a scenario of one producing and one consuming class."""
    orders = Topic("orders", partitions=6, **(topic or {}))
    producer = {"name": "Checkout", "topic": orders, "rate": "1k/s", "payload": payloads.constant(size="1KiB"),
                "key": keys.none(), "config": {"linger.ms": 5}, **fields}  # fmt: skip
    return Scenario(
        name="orders", producers=(ProducerWorkload(**producer),),
        consumers=(ConsumerWorkload(name="Billing", topic=orders),),
    )  # fmt: skip


def points(*axes: str, at: Scenario | None = None, target: Target | str = "embedded") -> list[Point]:
    """Return every point of a grid, judged."""
    made = Points(
        [parse_axis(text) for text in axes],
        at or scenario(),
        load_target(target) if isinstance(target, str) else target,
    )
    total = 1
    for axis in made.axes:
        total *= len(axis.values)
    return [made.point(number) for number in range(total)]


def invalid(*axes: str, **rest: Any) -> dict[tuple[Any, ...], str]:
    """Return the values of points that cannot work, and why."""
    return {tuple(p.settings.values()): p.invalid for p in points(*axes, **rest) if p.invalid}


@pytest.mark.parametrize(
    ("axes", "at", "which", "said"),
    [
        (["linger.ms=5,2000", "delivery.timeout.ms=3000", "request.timeout.ms=2000"], {},
         {(2000, 3000, 2000)}, "less than linger.ms + request.timeout.ms"),
        (["max.in.flight=5,6", "enable.idempotence=true"], {}, {(6, True)}, "needs max.in.flight"),
        (["acks=all,1", "enable.idempotence=true,false"], {}, {(1, True)}, "acks"),
        (["batch.size=64KiB,2MiB"], {}, {("2MiB",)}, "message.max.bytes"),
        (["batch.size=16KiB,128KiB", "batch.num.messages=10,1000"], {}, {("16KiB", 10), ("128KiB", 10)}, "batch.num.messages=10"),
        (["Checkout.payload.size=1KiB,2MiB"], {}, {("2MiB",)}, "above message.max.bytes"),
        (["orders.config.max.message.bytes=20000,2000000"], {}, {(20000,)}, "max.message.bytes=20000"),
        (["orders.config.max.message.bytes=20000", "compression.type=none,lz4"], {}, {(20000, "none")}, "max.message.bytes"),
        (["orders.config.min.insync.replicas=1,2"], {}, {(2,)}, "above its replication factor 1"),
        (["acks=all,1"], {"transactions": Transactions()}, {(1,)}, "transactions need"),
    ],
)  # fmt: skip
def test_points_that_cannot_work_are_named_with_the_reason(
    axes: list[str], at: dict[str, Any], which: set[tuple[Any, ...]], said: str
) -> None:
    """Exactly those, each with the setting to change."""
    found = invalid(*axes, at=scenario(**at))
    assert set(found) == which
    for reason in found.values():
        assert said in reason


def test_a_cap_that_no_axis_touches_is_the_scenario_s_own() -> None:
    """What the scenario says for all points alike is a warning of each trial, not the end of the sweep."""
    capped = scenario(config={"batch.size": 131072, "batch.num.messages": 10})
    assert not invalid("linger.ms=0,5", at=capped)
    assert invalid("batch.num.messages=10,500", at=capped).keys() == {(10,)}


def test_unsafe_points_are_told_with_the_reason(tmp_path: Path) -> None:
    """acks, idempotence, and on clusters that could keep copies their number and how many must be in sync."""
    safe = {tuple(p.settings.values()): p.unsafe_because for p in points("acks=all,1", "max.in.flight=5,6")}
    assert safe["all", 5] is None
    assert "enable.idempotence=false" in str(safe["all", 6])
    assert "acks=1" in str(safe[1, 5])
    three = points("orders.config.min.insync.replicas=1,2", target="embedded:3")
    assert [p.safe for p in three] == [False, True]
    for copies, in_sync, said in ((3, 2, None), (2, 2, "replication factor 2"), (3, 1, "min.insync.replicas=1")):
        path = tmp_path / "target.toml"
        path.write_text(TARGET.format(copies=copies, in_sync=in_sync))
        found = points("linger.ms=0,5", target=str(path))
        assert {p.unsafe_because is None for p in found} == {said is None}
        assert said is None or said in str(found[0].unsafe_because)
    unclean = points("orders.config.unclean.leader.election.enable=true,false", target="embedded:3")
    assert [p.safe for p in unclean] == [False, True]


@pytest.mark.parametrize(
    ("axes", "base"),
    [
        (["linger.ms=0,5,20", "acks=1,all"], {"linger.ms": 5, "acks": "all"}),
        (["linger.ms=5ms,20ms"], {"linger.ms": "5ms"}),
        (["Checkout.rate=500/s,1000/s,2k/s"], {"Checkout.rate": "1000/s"}),
        (["compression.type=lz4,none"], {"compression.type": "none"}),
        (["orders.partitions=3,12"], {"orders.partitions": 3}),
        (["acks=0,1,all", "linger.ms=1,2"], {"acks": "all", "linger.ms": 1}),
        (["target.version=3.9.1,4.3.1"], {"target.version": "4.3.1"}),
        (["linger.ms=5,2000", "delivery.timeout.ms=2500", "request.timeout.ms=2000"],
         {"linger.ms": 5, "delivery.timeout.ms": 2500, "request.timeout.ms": 2000}),
    ],
)  # fmt: skip
def test_the_base_is_the_safe_point_nearest_to_the_scenario(axes: list[str], base: dict[str, Any]) -> None:
    """Defaults of the client count as the scenario's own values; of values that are not, the first stands in."""
    found = [dict(p.settings) for p in points(*axes) if p.base]
    assert found == [base]


def test_without_a_safe_point_the_base_is_one_that_can_work() -> None:
    """It still controls for drift."""
    found = [p for p in points("acks=0,1", "linger.ms=0,5") if p.base]
    assert [(p.settings, p.safe) for p in found] == [({"acks": 0, "linger.ms": 5}, False)]


def test_a_version_changes_the_target_and_not_the_scenario() -> None:
    """Everything else of the embedded target's name stays."""
    made = Points([Axis("target.version", ("3.9.1",))], scenario(), load_target("embedded:3?heap=2g"))
    assert made.target({"target.version": "3.9.1"}).text == "embedded:3@3.9.1?heap=2g"
    assert made.scenario({"target.version": "3.9.1"}) == scenario()


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("linger.ms=5,5parsec", "parsec"), ("lingr.ms=5", "linger.ms"), ("Billing.rate=5/s", "Billing.rate"),
        ("Billing.config.acks=1", "producer's property"), ("orders.partitions=0,6", "orders.partitions"),
        ("sasl.password=a,b", "secret"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_of_its_path_is_a_mistake_not_a_point(axis: str, said: str) -> None:
    """It is refused at once, whatever the other axes are."""
    with pytest.raises(UsageError, match=said):
        points(axis, "seed=1,2")
