"""What a full read of a topic says of a run, message by message; pure, and without loadkit's accounts.

A producer numbers its messages 0, 1, 2, ... and gives every number a message, so what is missing between them is lost:
how many in all were sent is the one thing that is taken from the run (`total`), and it must have no failed and no
unanswered messages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from trust.integrity.reading import Log

Range = tuple[int, int, int]
"""Partition, first and last offset."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the log holds of the messages that were sent."""

    messages: int
    distinct: int
    missing: int
    """Sent, and nowhere in the log."""
    doubled: int
    """Further copies of a message."""
    reordered: int
    """First copies that lie behind a later message of their producer in the same partition."""


def account(log: Log, total: int) -> Account:
    """Return the account of a log for so many messages sent."""
    copies = Counter((one.producer, one.seq) for messages in log.values() for one in messages)
    messages = sum(copies.values())
    return Account(messages, len(copies), total - len(copies), messages - len(copies), _reordered(log))


def _reordered(log: Log) -> int:
    found = 0
    for messages in log.values():
        highest: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        for one in messages:
            stamp = (one.producer, one.seq)
            found += stamp not in seen and one.seq < highest.get(one.producer, -1)
            seen.add(stamp)
            highest[one.producer] = max(one.seq, highest.get(one.producer, -1))
    return found


def lost_ranges(log: Log, total: int, first: int, keys: int) -> list[Range]:
    """Return where the messages lay that are missing, as ranges of offsets.

    One producer sent `total` messages in order, one request at a time: number `first` and those after it with `keys`
    keys in turn, so that every message's partition follows from its number, and its offset from the message before it
    in that partition. Between two cuts a log must have grown. Raises ValueError where it contradicts the keys.
    """
    there = {one.seq: (p, one.offset) for p, messages in log.items() for one in messages}
    partition = _partitions(there, first, keys)
    found: dict[int, list[list[int]]] = defaultdict(list)
    following: dict[int, int] = {}
    for seq in range(first, total):
        p = partition[(seq - first) % keys]
        at = following.get(p, 1)  # offset 0 holds the message that opened the partition
        if seq in there:
            at = there[seq][1]
        elif found[p] and found[p][-1][1] == at - 1:
            found[p][-1][1] = at
        else:
            found[p].append([at, at])
        following[p] = at + 1
    return [(p, start, end) for p, runs in sorted(found.items()) for start, end in runs]


def _partitions(there: dict[int, tuple[int, int]], first: int, keys: int) -> dict[int, int]:
    """Return the partition of each key, as the messages that are there tell it."""
    told: dict[int, set[int]] = defaultdict(set)
    for seq, (p, _) in there.items():
        if seq >= first:
            told[(seq - first) % keys].add(p)
    wrong = [key for key in range(keys) if len(told[key]) != 1]
    if wrong:
        raise ValueError(f"keys {wrong} have not each a partition of their own")
    return {key: places.pop() for key, places in told.items()}
