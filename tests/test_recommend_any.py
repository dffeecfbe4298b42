"""Any facts at all: safe files or a reason, never a crash, and never a setting changed in silence."""

from __future__ import annotations

import string
import tempfile
from datetime import date
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from loadkit.errors import PlanError
from loadkit.sizing import check
from loadkit.sizing.facts import PLATFORMS, BrokerFacts, Ceiling, Ceilings, Effect, Facts, GroupFacts, TopicFacts
from loadkit.sizing.recommend import INDEX, texts, write

NAMES = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=30)
WORDS = st.text(min_size=0, max_size=30)
FIGURES = st.floats(allow_nan=True, allow_infinity=True)
COMMON = st.floats(min_value=0, max_value=1e5)
GROUPS = st.builds(
    GroupFacts, name=st.one_of(NAMES, WORDS), consumers=st.integers(1, 50), process_time_s=st.one_of(COMMON, FIGURES)
)
TOPICS = st.builds(
    TopicFacts, name=NAMES, partitions=st.integers(-1, 5000), retention_ms=st.integers(-2, 10**11),
    retention_bytes=st.none() | st.integers(-2, 10**15), cleanup=st.sampled_from(["delete", "compact", "compact,delete"]),
    max_message_bytes=st.integers(0, 2**31), keyed=st.booleans(), transactional=st.booleans(), peak_bytes_per_s=st.one_of(COMMON, FIGURES),
    groups=st.lists(GROUPS, max_size=3).map(tuple), latency_slo_s=st.none() | st.floats(0, 10), hottest_share=st.none() | st.floats(0, 1),
    local_retention_ms=st.none() | st.integers(-2, 10**9), existing_partitions=st.none() | st.integers(0, 100),
)  # fmt: skip
EFFECTS = st.builds(
    Effect,
    setting=st.sampled_from(["linger.ms", "batch.size", "compression.type", "acks", "retries", "fetch.min.bytes", "client.rack", "enable.idempotence", "isolation.level", "x"]),
    value=st.one_of(st.sampled_from(["0", "1", "10", "all", "lz4", "true", "500000"]), WORDS), text=WORDS,
    low=st.none() | FIGURES, mid=st.none() | FIGURES, high=st.none() | FIGURES, client=st.sampled_from(["", "java 4.3.1", "librdkafka 2.16.0"]), source=WORDS,
)  # fmt: skip
CEILINGS = st.builds(
    lambda low, source: Ceiling(low, low * 1.1, low * 1.2, True, source), st.floats(1, 1e9) | FIGURES, WORDS
)
FACTS = st.builds(
    Facts, name=WORDS, made_on=st.dates(date(2020, 1, 1), date(2030, 1, 1)), platform=st.sampled_from(PLATFORMS), brokers=st.integers(0, 60), zones=st.integers(0, 4),
    kafka_version=st.sampled_from(["4.3.1", "3.6.2", "4.0", "", "new"]), replication_factor=st.integers(0, 5), min_insync_replicas=st.integers(0, 4),
    topics=st.lists(TOPICS, max_size=3).map(tuple), clients=st.lists(EFFECTS, max_size=3).map(tuple),
    broker=st.builds(BrokerFacts, shape=WORDS, cpu_cores=st.floats(0, 100), ram_bytes=st.integers(0, 2**40), heap_bytes=st.integers(0, 2**36),
                     disk_bytes=st.integers(0, 2**45), network_bytes_per_s=COMMON),
    ceilings=st.builds(Ceilings, network_in=CEILINGS, network_out=CEILINGS, disk=CEILINGS, cpu=CEILINGS, partition=st.none() | CEILINGS),
    outage_s=st.floats(0, 1e6) | FIGURES, catch_up_s=st.floats(0, 1e6), brokers_lost=st.integers(0, 3), demo=st.booleans(),
)  # fmt: skip

SANE_TOPICS = st.lists(
    st.builds(
        TopicFacts, name=NAMES.map(lambda name: f"t{name}"), partitions=st.integers(1, 500), retention_ms=st.integers(10**7, 10**10) | st.just(-1),
        retention_bytes=st.none(), cleanup=st.sampled_from(["delete", "compact", "compact,delete"]), max_message_bytes=st.integers(10**5, 10**8),
        keyed=st.just(True), transactional=st.booleans(), peak_bytes_per_s=st.floats(0, 1e9),
        groups=st.lists(st.builds(GroupFacts, name=st.text("aé' \"$#{}:%=!*字`&|>-", min_size=1, max_size=8).map(lambda text: f"g{text}g"), consumers=st.just(3),
                                  process_time_s=st.floats(0, 100)), max_size=2, unique_by=lambda group: group.name).map(tuple),
        latency_slo_s=st.none() | st.floats(0.001, 10), existing_partitions=st.none() | st.integers(1, 600),
    ), min_size=1, max_size=3, unique_by=lambda topic: topic.name.replace(".", "_"),
).filter(lambda topics: all(topic.name not in (".", "..") for topic in topics)).map(tuple)  # fmt: skip
QUICK = (Phase.explicit, Phase.generate)
"""A failing example is large anyway: no minutes are spent on making it smaller."""
GOOD = Ceiling(1e8, 1.1e8, 1.2e8, True, "reports/x")
SANE = st.builds(
    Facts, name=WORDS, made_on=st.just(date(2026, 11, 26)), platform=st.sampled_from(PLATFORMS), brokers=st.integers(3, 60), zones=st.integers(1, 4),
    kafka_version=st.sampled_from(["4.3.1", "3.9.0"]), replication_factor=st.just(3), min_insync_replicas=st.just(2), topics=SANE_TOPICS, clients=st.just(()),
    broker=st.builds(BrokerFacts, shape=st.just("a\"b${c}"), cpu_cores=st.floats(0.5, 100), ram_bytes=st.just(2**36), heap_bytes=st.integers(2**31, 2**33),
                     disk_bytes=st.integers(2**30, 2**45), network_bytes_per_s=COMMON),
    ceilings=st.just(Ceilings(GOOD, GOOD, GOOD, Ceiling(1, 2, 3, False, "x"), GOOD)), outage_s=st.floats(0, 4000), catch_up_s=st.floats(0, 4000), demo=st.booleans(),
)  # fmt: skip


@settings(max_examples=40, phases=QUICK)
@given(FACTS)
def test_any_facts_give_safe_files_or_a_reason(made: Facts) -> None:
    """What is written is safe by the checker a user has; what is not, says why and leaves nothing."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "configs"
        try:
            write(made, place)
        except PlanError:
            assert not any(Path(folder).iterdir())
        else:
            _safe(place, made)


@settings(max_examples=40, phases=QUICK)
@given(SANE)
def test_sane_facts_are_written_whatever_the_names(made: Facts) -> None:
    """Odd names of groups, odd sizes: every dialect holds them, and reads back as what was meant."""
    found = texts(made)
    assert check.judge_plan({path: text for path, text in found.items() if path != INDEX}, made) == []


def _safe(place: Path, made: Facts) -> None:
    found = {
        str(path): path.read_text(encoding="utf-8")
        for path in place.rglob("*")
        if path.is_file() and path.name != INDEX
    }
    assert found
    away = made.outage_s + made.catch_up_s
    assert [one for one in check.judge(found, away) if one.level == "unsafe" and one.rule != "partitions-altered"] == []
