"""What the stress test and the memory check judge."""

from __future__ import annotations

from typing import Any

import pytest

from bench import stress_page

LOG = """\
==7== Memcheck, a memory error detector
==7== Thread 4:
==7== Invalid read of size 8
==7==    at 0x4844ABE: memmove (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==7==    by 0x7A51B12: VOID_copyswap (in /v/lib/numpy/_core/_multiarray_umath.so)
==7==  Address 0x400000000000 is not stack'd, malloc'd or (recently) free'd
==7==
==7== 1,024 bytes in 3 blocks are definitely lost in loss record 18,959 of 19,279
==7==    at 0x4841C3B: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==7==    by 0x5D5E2F1: rd_kafka_msg_new00 (in /v/lib/confluent_kafka.libs/librdkafka-1f2e.so.1)
==7==
==7== 512 bytes in 1 blocks are definitely lost in loss record 1 of 19,279
==7==    at 0x4841C3B: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==7==    by 0x5D5E2F1: rd_kafka_msg_new00 (in /v/lib/confluent_kafka.libs/librdkafka-1f2e.so.1)
==7==
==7== ERROR SUMMARY: 3 errors from 3 contexts (suppressed: 41 from 7)
"""


def lap(rss: int = 200 << 20, **changes: Any) -> dict[str, Any]:
    """Return a lap in which all is well."""
    total = {"sent": 10, "acked": 8, "errors": 2, "unacked": 0}
    return {
        "lap": 1, "seconds": 1.0, "status": "complete", "members": 3, "totals": {"Small": total},
        "errors": {"_MSG_TIMED_OUT": 2}, "queue_full": 1, "rebalances": 2, "lanes": ["fast"], "rss": rss, "held": 35 << 20,
        "integrity": dict.fromkeys((*stress_page.FAULTS, "redelivered"), 0),
        "topics": {"small": {}, "large": {"lost": 3}}, **changes,
    }  # fmt: skip


def document(*laps: dict[str, Any], code: int = 0) -> dict[str, Any]:
    """Return the document of one process."""
    run = {"machine": {}, "versions": {}, "command": "c", "date": "d", "commit": "e"}
    return {"schema": 1, "chunks": [{"laps": list(laps), "exit": code, "kills": 1, "said": "gone", "run": run}]}


def test_laps_without_a_fault_are_safe() -> None:
    """Messages that failed by code, full queues, kills and redelivered messages are what the test is made of."""
    made = document(lap(), lap(), lap(rss=210 << 20))
    assert stress_page.faults(made) == []
    assert "No loss, no crash, no leak" in stress_page.page(made)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (document(lap(integrity={**lap()["integrity"], "lost": 3})), "3 lost (large 3)"),
        (document(lap(integrity={**lap()["integrity"], "reordered": 1})), "1 reordered"),
        (document(lap(), code=-11), "ended with -11"),
        (document(lap(status="failed")), "failed"),
        (document(lap(lanes=["fast", "standard"])), "standard"),
        (document(lap(totals={"Small": {"sent": 10, "acked": 8, "errors": 1, "unacked": 1}})), "not each was"),
        (document(lap(), lap(), lap(rss=240 << 20)), "memory grew by 40 MiB"),
        (document(lap(), lap(), lap(held=36 << 20), lap(held=38 << 20)), "1.5 MiB a lap were not freed"),
    ],
)
def test_a_loss_a_crash_or_a_leak_is_a_fault(made: dict[str, Any], said: str) -> None:
    """Each is named, and stands at the head of the page."""
    (fault,) = stress_page.faults(made)
    assert said in fault
    assert said in stress_page.page(made).split("\n")[2]


def test_what_librdkafka_doubles_when_messages_time_out_is_counted_and_no_fault_of_the_lane() -> None:
    """Only in that producer's topic, and only in a lap in which some timed out."""
    integrity = {**lap()["integrity"], "duplicated": 5}
    made = document(lap(integrity=integrity, topics={"hasty": {"duplicated": 5}}))
    assert stress_page.faults(made) == []
    assert "| of those duplicated, in the topic of messages that timed out | 5 |" in stress_page.page(made)
    for other in (
        lap(integrity=integrity, topics={"hasty": {"duplicated": 4}, "small": {"duplicated": 1}}),
        lap(integrity=integrity, topics={"hasty": {"duplicated": 5}}, errors={}),
    ):
        assert "5 duplicated (hasty" in stress_page.faults(document(other))[0]


def test_the_first_lap_may_grow() -> None:
    """Caches and arenas are filled in it."""
    assert stress_page.growth(document(lap(rss=100 << 20), lap(), lap())["chunks"][0]) == 0
    assert stress_page.growth(document(lap(), lap())["chunks"][0]) is None
    assert stress_page.leak(document(lap(held=9 << 20), lap(), lap())["chunks"][0]) == 0
    assert stress_page.leak(document(lap(), lap(), lap(held=None))["chunks"][0]) is None


def test_what_memcheck_reports_is_read() -> None:
    """Kind and frames of each error, alike ones counted, and the sums; without a summary it did not end."""
    found = stress_page.read_valgrind(LOG)
    assert (found["complete"], found["errors"], found["suppressed"]) == (True, 3, 41)
    leak, invalid = found["remaining"]
    assert leak["times"] == 2
    assert "definitely lost" in leak["what"]
    assert "rd_kafka_msg_new00 (librdkafka-1f2e.so.1)" in leak["where"]
    assert invalid == {"what": "Invalid read of size N", "times": 1,
                       "where": "memmove (vgpreload_memcheck-amd64-linux.so) < VOID_copyswap (_multiarray_umath.so)"}  # fmt: skip
    assert not stress_page.read_valgrind(LOG.rpartition("==7== ERROR")[0])["complete"]
