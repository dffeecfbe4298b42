"""The witness of the integrity figures: what a log says of itself, and when loadkit's accounts agree with it."""

from __future__ import annotations

import random
import struct

import pytest

from trust.integrity.reading import Message, stamp_of
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
