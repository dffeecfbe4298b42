"""Every scenario that ships, and every feature a scenario can declare, keeps exact accounts on a real Kafka."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from ahead import AT_ONCE
from running import ROOT, SCENARIOS, Ended, read, run, sets, sums, target_file, untouched

from loadkit.targets.embedded import EmbeddedCluster

pytestmark = pytest.mark.kafka

SHORT = ("--duration", "4s", "--warmup", "1s")
SHIPPED: dict[str, list[str]] = {
    "backlog": sets("Meter.rate=400/s", "Loader.start=2s"),
    "fan_out": sets("Exchange.rate=300/s"),
    "firehose": sets("Sensor.rate=1k/s"),
    "hot_key": sets("Collector.rate=500/s"),
    "large_messages": sets("Scanner.rate=20/s"),
    "orders": sets("Checkout.rate=500/s"),
    "spike": sets("Web.rate=200/s", "Web.shape.at=1s", "Web.shape.duration=1s"),
}
"""Settings that make each shipped scenario small."""
LONG = ("backlog", "fan_out", "firehose", "spike")
"""Scenarios whose own tests are long; they run on `simulated` in every test run."""
OURS = ("contents", "protocols", "transactions")


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, kafka1: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ended]]]:
    """Return the runs that the chosen tests name, two at a time, beside what is under way ahead."""
    chosen = " ".join(item.name for item in request.session.items if item.path == request.path)
    shipped = {name: small for name, small in SHIPPED.items() if name in chosen}
    folder = tmp_path_factory.mktemp("scenarios")
    target = target_file(folder, kafka1)
    with ThreadPoolExecutor(AT_ONCE - 1) as pool:
        yield {
            **{name: pool.submit(run, SCENARIOS / f"{name}.py", target, folder / name, *SHORT, "--keep-topics") for name in OURS},
            **{name: pool.submit(run, f"scenarios/{name}.py", target, folder / name, *SHORT, *small) for name, small in shipped.items()},
        }  # fmt: skip


def by_topic(ended: Ended, what: str) -> Counter[str]:
    """Return one count of the accounts by topic and group."""
    counts: Counter[str] = Counter()
    for row in ended.result["integrity"]["partitions"]:
        counts[f"{row['topic']}/{row['group']}"] += row[what]
    return counts


def values(
    cluster: EmbeddedCluster, ended: Ended, topic: str
) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """Return key, value and headers of every message of a run's topic."""
    name = ended.result["target"]["topics"][topic]["name"]
    return [(m.key(), m.value(), dict(m.headers() or ())) for m in read(cluster, name)]


def test_no_shipped_scenario_is_left_out() -> None:
    """Each file in scenarios/ has a run here."""
    assert {path.stem for path in (ROOT / "scenarios").glob("*.py")} == set(SHIPPED)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in sorted(SHIPPED)]
)
def test_a_shipped_scenario_runs_and_its_accounts_are_exact(runs: dict[str, Future[Ended]], name: str) -> None:
    """It ends with 0; all that was due was sent, confirmed, and received once by each group, in order."""
    ended = runs[name].result().ok()
    assert ended.document["status"] == "complete"
    if name == "firehose":
        assert "no class" in ended.result["integrity"]["withheld"]
        total = sums(ended, "Sensor")
        assert (total["due"], total["sent"], total["errors"]) == (4000, total["acked"], 0)
    else:
        untouched(ended)


@pytest.mark.long
def test_a_backlog_waits_and_drains(runs: dict[str, Future[Ended]]) -> None:
    """Consumers joined 2 s late: the first messages waited that long end to end, and none was left unread."""
    ended = runs["backlog"].result().ok()
    assert (ended.metrics["end_to_end.max"] or 0) >= 2.0
    late = [
        row for row in ended.rows if row["kind"] == "consumer" and row["phase"] == "measure" and row.get("received")
    ]
    measured = next(phase for phase in ended.result["phases"] if phase["name"] == "measure")
    assert min(row["t"] for row in late) >= measured["start"] + 2
    assert sum(row["received"] for row in late) == 1600


@pytest.mark.long
def test_each_group_of_a_fan_out_gets_everything(runs: dict[str, Future[Ended]]) -> None:
    """Three groups, each with as many messages as were confirmed."""
    ended = runs["fan_out"].result().ok()
    received = by_topic(ended, "received")
    assert set(received) == {"prices/Dashboard", "prices/Alerts", "prices/Ledger"}
    assert received == by_topic(ended, "acked")
    assert ended.metrics["Alerts.commit.p50"] is not None or "Alerts.commit.p50" in ended.document["withheld"]


def test_a_hot_key_goes_to_one_partition(runs: dict[str, Future[Ended]]) -> None:
    """A third of all messages, and the even share of the rest, lie in one partition."""
    counts = sorted(row["acked"] for row in runs["hot_key"].result().ok().result["integrity"]["partitions"])
    share = counts[-1] / sum(counts)
    assert share == pytest.approx(0.33 + 0.67 / 6, abs=0.06)


@pytest.mark.long
def test_a_spike_is_due_as_declared(runs: dict[str, Future[Ended]]) -> None:
    """200/s for 4 s and five times that for one of them: 1,600 messages, of Poisson's spread."""
    due = sums(runs["spike"].result().ok(), "Web")["due"]
    assert abs(due - 1600) < 5 * 1600**0.5


def test_every_group_protocol_accounts_for_every_message(runs: dict[str, Future[Ended]]) -> None:
    """A classic, a KIP-848 and a share group on one topic: each gets all; the share group's order is not judged."""
    ended = runs["protocols"].result().ok()
    untouched(ended)
    assert by_topic(ended, "received") == by_topic(ended, "acked") + by_topic(ended, "redelivered")
    assert sums(ended, "Source")["acked"] == 1600
    assert ended.result["classes"]["Modern"]["config"]["group.protocol"] == "consumer"
    assert "Shared.lag" not in str(ended.metrics)


def test_aborted_messages_are_neither_lost_nor_received(
    runs: dict[str, Future[Ended]], kafka1: EmbeddedCluster
) -> None:
    """Committed and aborted add up to what was confirmed; a reader of committed messages sees just the former."""
    ended = runs["transactions"].result().ok()
    untouched(ended)
    total = sums(ended, "Bank")
    committed = sum(by_topic(ended, "acked").values())
    assert 0 < total["aborted"] < total["acked"]
    topic = ended.result["target"]["topics"]["ledger"]["name"]
    seen = read(kafka1, topic, **{"isolation.level": "read_committed"})
    everything = read(kafka1, topic, **{"isolation.level": "read_uncommitted"})
    assert len(seen) == committed == sum(by_topic(ended, "received").values())
    assert len(everything) - len(seen) >= total["aborted"]
    assert ended.metrics["commit.p50"] is not None


def test_tombstones_have_a_key_and_no_value(runs: dict[str, Future[Ended]], kafka1: EmbeddedCluster) -> None:
    """About a quarter of the messages are null, all of them accounted for by the stamp in a header."""
    ended = runs["contents"].result().ok()
    untouched(ended)
    keyed = [item for item in values(kafka1, ended, "profiles") if item[0] is not None]
    absent = sum(value is None for _, value, _ in keyed)
    assert absent / len(keyed) == pytest.approx(0.25, abs=0.07)
    assert {len(value) for _, value, _ in keyed if value is not None} == {50}
    assert all(len(headers["loadkit"]) == 24 for _, _, headers in keyed)


def test_lines_and_texts_are_sent_as_they_are(runs: dict[str, Future[Ended]], kafka1: EmbeddedCluster) -> None:
    """Replayed lines cycle and keep their bytes; a template is JSON with consecutive numbers; headers stand beside."""
    ended = runs["contents"].result().ok()
    lines = values(kafka1, ended, "clicks")
    counts = Counter(value for _, value, _ in lines)
    assert set(counts) == {b"first", b"second line", b"third"}
    assert sums(ended, "Click")["acked"] == 800
    assert all(headers["source"] == b"web" and len(headers["loadkit"]) == 24 for _, _, headers in lines)
    texts = [
        json.loads(value or b"") for _, value, headers in values(kafka1, ended, "texts") if number_of(headers) >= 2
    ]
    assert sorted(text["number"] for text in texts if text["number"] < 1 << 40) == list(range(800))


def number_of(headers: dict[str, bytes]) -> int:
    """Return a message's number among those of its producer, which opens each of the two partitions with one."""
    return int.from_bytes(headers["loadkit"][8:16], "little")
