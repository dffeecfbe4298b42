"""The witness of the integrity figures: what a log says of itself, and when loadkit's accounts agree with it."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest

from trust.integrity import page
from trust.integrity.judge import agreed, untouched
from trust.integrity.reading import Message, read, stamp_of
from trust.integrity.truth import Account, account, lost_ranges


def log_of(*partitions: list[tuple[int, int]]) -> dict[int, list[Message]]:
    """Return a log of (producer, number) by partition, at offsets from 0."""
    return {p: [Message(at, *one) for at, one in enumerate(found)] for p, found in enumerate(partitions)}


def test_stamps_are_read_as_they_are_documented() -> None:
    """Run, producer, sequence and instant, in front of the value, little-endian."""
    value = struct.pack("<IIQq", 7, 65537, 1 << 40, 5) + b"x" * 76
    assert stamp_of(value) == (65537, 1 << 40)


def test_a_stamp_that_loadkit_makes_is_read() -> None:
    """The one fact that both sides share is the layout."""
    import numpy as np

    from loadkit.stamp import as_bytes, stamps

    made = as_bytes(stamps(9, 3, 41, np.array([10, 20], np.int64)))
    assert [stamp_of(row.tobytes()) for row in made] == [(3, 41), (3, 42)]


def test_the_witness_reads_every_partition_to_its_end() -> None:
    """Of librdkafka's own mock cluster, one partition of which is empty."""
    producer = ck.Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "mock", "log_level": 0})
    brokers = producer.list_topics(timeout=10).brokers.values()
    for seq in range(3000):
        producer.produce("ledger", struct.pack("<IIQq", 1, 2, seq, 0) + b"x" * 76, partition=seq % 3)
    assert producer.flush(20) == 0
    log = read(",".join(f"{one.host}:{one.port}" for one in brokers), "ledger", "read_committed")
    assert log == {**{p: [Message(at, 2, p + 3 * at) for at in range(1000)] for p in range(3)}, 3: []}
    assert account(log, 3000) == Account(3000, 3000, 0, 0, 0)


def test_an_account_counts_what_is_missing_doubled_and_behind() -> None:
    """Two producers in two partitions: one number is nowhere, one stands three times, one came late."""
    log = log_of([(1, 0), (2, 0), (1, 2), (1, 1), (2, 1)], [(1, 3), (1, 3), (2, 3), (1, 3)])
    assert account(log, 8) == Account(messages=9, distinct=7, missing=1, doubled=2, reordered=1)


def test_a_whole_log_has_nothing_to_say() -> None:
    """Every number once and in order."""
    log = log_of([(1, n) for n in range(0, 100, 2)], [(1, n) for n in range(1, 100, 2)])
    assert account(log, 100) == Account(100, 100, 0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_places_of_lost_messages_follow_from_those_around_them(seed: int) -> None:
    """Partitions truncated again and again as unclean elections do: every lost message is placed where it was."""
    rng = random.Random(seed)
    partitions, keys, total = 3, 12, 2000
    home = {key: key % partitions for key in range(keys)}
    log = {p: [Message(0, 1, p)] for p in range(partitions)}
    lost = set()
    cut = dict.fromkeys(range(partitions), 0)
    for seq in range(partitions, total):
        p = home[(seq - partitions) % keys]
        log[p].append(Message(len(log[p]), 1, seq))
        if rng.random() < 0.02 and len(log[p]) > cut[p] + 10 and seq < total - 500:
            for _ in range(rng.randint(1, 9)):
                one = log[p].pop()
                lost.add((p, one.offset, one.seq))
            cut[p] = len(log[p])
    found = lost_ranges(log, total, partitions, keys)
    named = [(p, at) for p, start, end in found for at in range(start, end + 1)]
    assert sorted(named) == sorted((p, at) for p, at, _ in lost)
    assert account(log, total).missing == len(lost) > 0


def test_a_log_that_contradicts_its_keys_is_not_judged() -> None:
    """A key in two partitions, or in none, would place lost messages anywhere."""
    log = log_of([(1, 0), (1, 1)], [(1, 3), (1, 2)])
    with pytest.raises(ValueError, match="keys"):
        lost_ranges(log, 4, 1, 1)


KEYS = 2
SENT = {(p, n): 2 * n + p for p in (0, 1) for n in range(50)}
"""Number of each message by partition and place: two partitions dealt in turn, opened by the first two."""


def facts(**changes: int) -> dict[str, Any]:
    """Return what loadkit says of a run of a hundred messages, with some counts changed."""
    counts = {"lost": 0, "duplicated": 0, "reordered": 0, "unread": 0, "redelivered": 0, "unconfirmed": 0}
    totals = {"sent": 98, "acked": 98, "errors": 0, "unacked": 0, "aborted": 0, "unsent": 0}
    counts |= {name: value for name, value in changes.items() if name in counts}
    totals |= {name: value for name, value in changes.items() if name in totals}
    received = changes.get("received", 50)
    return {
        "classes": {"Writer": {"role": "producer", "users": 1, "topic": "t"}, "Reader": {"role": "consumer", "users": 2, "topic": "t"}},
        "target": {"topics": {"t": {"partitions": 2}}},
        "totals": {"Writer": totals},
        "integrity": {
            **counts, "lost_ranges": [],
            "partitions": [{"partition": p, "received": received, "lost": counts["lost"] if p else 0} for p in (0, 1)],
        },
    }  # fmt: skip


def logs(*without: tuple[int, int]) -> dict[str, dict[int, list[Message]]]:
    """Return the log of that run, for either reader, cut where (partition, place) are missing."""
    kept = {p: [seq for (q, n), seq in SENT.items() if q == p and (p, n) not in without] for p in (0, 1)}
    log = log_of(*([(1, seq) for seq in kept[p]] for p in (0, 1)))
    return {"read_committed": log, "read_uncommitted": log}


def test_a_run_in_which_all_is_well_is_judged_so() -> None:
    """Both accounts agree that every message is there once."""
    judged = untouched(facts(), logs())
    assert judged.wrong == ()
    assert (judged.committed, judged.read.missing) == (100, 0)


@pytest.mark.parametrize(
    ("said", "log", "why"),
    [
        (facts(lost=1), logs(), "loadkit: 1 lost"),
        (facts(duplicated=2), logs(), "loadkit: 2 duplicated"),
        (facts(unacked=1), logs(), "loadkit: 1 unacked"),
        (facts(), logs((1, 20)), "witness: 1 missing"),
        (facts(aborted=5), logs(), "loadkit says 95 messages committed"),
        (facts(received=49), logs(), "received 98 of 100"),
    ],
)
def test_what_either_side_finds_is_wrong(said: dict[str, Any], log: Any, why: str) -> None:
    """Neither account can cover for the other."""
    assert why in "; ".join(untouched(said, log).wrong)


def forced(lost: int, *ranges: tuple[int, int, int], **changes: int) -> dict[str, Any]:
    """Return what loadkit says of a run that lost messages of partition 1."""
    said = facts(lost=lost, **changes)
    said["integrity"]["lost_ranges"] = [["t", *one] for one in ranges]
    return said


def test_forced_losses_must_be_named_exactly() -> None:
    """The number, the partition and the offsets; one too few, one beside, none at all or unknown sends are told."""
    gone = logs(*((1, n) for n in range(20, 30)))
    assert agreed(forced(10, (1, 20, 29)), gone, KEYS).wrong == ()
    assert "loadkit says 9 lost, the witness misses 10" in agreed(forced(9, (1, 20, 28)), gone, KEYS).wrong
    assert any("loadkit names 1: 21-30" in text for text in agreed(forced(10, (1, 21, 30)), gone, KEYS).wrong)
    assert any("nothing was lost" in text for text in agreed(forced(0), logs(), KEYS).wrong)
    assert any("is not known" in text for text in agreed(forced(10, (1, 20, 29), errors=1), gone, KEYS).wrong)


def test_the_page_shows_a_miss_as_a_miss(tmp_path: Path) -> None:
    """Figures as a case leaves them; what is not as it should be says so, and why."""
    judged = agreed(forced(9, (1, 20, 28)), logs(*((1, n) for n in range(20, 30))), KEYS)
    common = {"seconds": 1.0, "did": {"leaders killed": 1}, "rebalances": 0, **untouched(facts(), logs()).row()}
    rows = [
        {"case": "calm", "forced": False, **common, "kept": True, "why": []},
        {"case": "forced", "forced": True, **common, **judged.row(), "kept": False, "why": list(judged.wrong)},
    ]
    about = {"command": "python -m x", "date": "2026-01-01", "commit": "abc",
             "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "6"}}  # fmt: skip
    (tmp_path / page.FIGURES).write_text(json.dumps({"cases": rows, **about}))
    text = page.write(tmp_path).read_text()
    for words in (
        "calm",
        "1 leaders killed",
        "loadkit says 9 lost, the witness misses 10",
        "20 to 29",
        "the reader alone",
    ):
        assert words in text
