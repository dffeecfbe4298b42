"""Files of a plan: all dialects, in order, all or none; and each line of them watched by the checker."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from facts_fixture import CHOSEN, CUSTOMERS, FACTS, LEDGER, ORDERS, facts

from loadkit.errors import PlanError
from loadkit.sizing import check
from loadkit.sizing.check.reading import detect
from loadkit.sizing.facts import PLATFORMS, Effect, Facts
from loadkit.sizing.recommend import INDEX, texts, write
from loadkit.sizing.settings.tables import java


def judged(made: Facts) -> dict[str, str]:
    """Return the texts that the checker judges."""
    return {path: text for path, text in texts(made).items() if path != INDEX}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_gets_safe_files_or_a_word_why_not(platform: str, tmp_path: Path) -> None:
    """What a platform has no use for is named with its reason; the checker passes the rest, also as a user's own."""
    made = facts(platform=platform)
    paths = write(made, tmp_path / "configs")
    index = (tmp_path / "configs" / INDEX).read_text()
    for path in paths:
        name = str(path.relative_to(tmp_path / "configs"))
        assert name in index or name == INDEX
    assert index.count("is left out:") == sum(f"## {title}\n\n{name}=all" in index for title, name in _titles())
    assert [one for one in check.judge(judged(made), 21_600) if one.level == "unsafe"] == []


def _titles() -> list[tuple[str, str]]:
    from loadkit.sizing.recommend import spoken

    return [(module.TITLE, name) for name, module in spoken().items()]


def test_an_unsafe_plan_leaves_nothing(tmp_path: Path) -> None:
    """A plan with two copies is refused with the reason, and no folder appears."""
    with pytest.raises(PlanError, match="two copies"):
        write(facts(replication_factor=2, min_insync_replicas=1), tmp_path / "configs")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_plan_leaves_the_files_of_the_last_one(tmp_path: Path) -> None:
    """What was written before stays whole, and a good plan replaces all of it."""
    write(FACTS, tmp_path / "configs")
    (tmp_path / "configs" / "left-over").write_text("")
    with pytest.raises(PlanError):
        write(facts(min_insync_replicas=3), tmp_path / "configs")
    assert (tmp_path / "configs" / "left-over").exists()
    write(FACTS, tmp_path / "configs")
    assert not (tmp_path / "configs" / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["configs"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (facts(clients=(*CHOSEN, Effect("acks", "1", "", 0.1, 0.2, 0.3, "java 4.3.1"))), "acks=1"),
        (facts(clients=(Effect("enable.idempotence", "false", ""),)), "enable.idempotence=false"),
        (facts(clients=(Effect("max.in.flight.requests.per.connection", "6", ""),)), "more than 5"),
        (facts(clients=(Effect("linger.millis", "6", ""),)), "no setting of a producer"),
        (facts(clients=(Effect("batch.size", "64KiB", ""),)), "whole number"),
        (facts(clients=(Effect("batch.size", "4000000", ""),)), "max.message.bytes"),
        (facts(clients=(Effect("isolation.level", "read_uncommitted", ""),)), "aborted"),
        (facts(outage_s=5 * 86_400), "retention"),
        (facts(topics=(replace(ORDERS, retention_bytes=10**9), LEDGER, CUSTOMERS)), "retention.bytes"),
        (facts(brokers=2, brokers_lost=1), "3 copies on 2 brokers"),
        (facts(platform="msk-express", min_insync_replicas=1), "min.insync.replicas"),
        (facts(topics=(replace(CUSTOMERS, keyed=False),)), "no keys"),
        (facts(topics=(ORDERS, ORDERS)), "two topics"),
        (facts(kafka_version="latest"), "not a version"),
        (facts(topics=(replace(ORDERS, name="a b"),)), "no name of a topic"),
    ],
)
def test_what_is_unsafe_or_impossible_is_refused_with_its_reason(changed: Facts, said: str, tmp_path: Path) -> None:
    """Whoever chose it, and however it got into the plan."""
    with pytest.raises(PlanError, match=re.escape(said)):
        write(changed, tmp_path / "configs")
    assert list(tmp_path.iterdir()) == []


def test_a_value_says_who_measured_it() -> None:
    """Measured in the dialect of the client that did, translated in the other, assumed where nobody did."""
    made = texts(FACTS)
    java_text, native = (
        " ".join(made[path].replace("#", " ").split())
        for path in ("java/producer.properties", "librdkafka/producer.conf")
    )
    assert "translated, not measured: -24 % (-31 % to -17 %) latency.p99 against linger.ms=0" in java_text
    assert "measured by librdkafka 2.16.0, reports/orders-sweep: -24 % (-31 % to -17 %)" in native
    assert "translated, not measured" not in native
    assert "assumed: README of lz4: 2:1" in java_text


def test_what_librdkafka_does_not_have_is_a_comment() -> None:
    """No equivalent is said, with what to do instead."""
    text = texts(FACTS)["librdkafka/producer.conf"]
    assert "# max.block.ms=60000 is left out: no equivalent in librdkafka; produce() never waits" in text
    assert "\npartitioner=murmur2_random\n" in text


def test_a_demonstration_says_so_in_every_file() -> None:
    """Files of a plan whose ceilings are not the cluster's own cannot be mistaken for others."""
    made = texts(facts(demo=True))
    assert [path for path, text in made.items() if "DEMONSTRATION" not in text] == []
    assert check.judge_plan({path: text for path, text in made.items() if path != INDEX}, facts(demo=True)) == []
    silent = {path: text.replace("DEMONSTRATION", "") for path, text in made.items() if path != INDEX}
    assert check.judge_plan(silent, facts(demo=True))


def test_a_topic_that_stands_for_many_says_so_wherever_topics_are_declared() -> None:
    """Its name is one of 580; the files hold what each of them gets, once."""
    made = texts(facts(topics=(replace(ORDERS, count=580),)))
    said = {file for file, text in made.items() if "stands for 580 topics alike" in text}
    assert said == {"topics/create-topics.sh", "strimzi/topics.yaml", "terraform/kafka.auto.tfvars"} & made.keys()
    assert "topics/create-topics.sh" in said


def test_partitions_are_never_added_to_a_keyed_topic_in_place(tmp_path: Path) -> None:
    """Nor by a file that declares them; a topic without keys grows."""
    for platform in ("self-managed", "strimzi"):
        grown = replace(ORDERS, existing_partitions=6)
        made = judged(facts(platform=platform, topics=(grown,)))
        for text in made.values():
            assert not re.search(r"partitions(=| = |: | )\s*24", re.sub(r"#.*", "", text))
        assert "do not alter it" in made["topics/create-topics.sh"]
        free = replace(grown, keyed=False)
        assert "--partitions 24" in judged(facts(platform=platform, topics=(free,)))["topics/create-topics.sh"]
        write(facts(platform=platform, topics=(free,)), tmp_path / platform)


REASONS = {
    r"\.tf$": "declares types: Terraform refuses values that do not fit",
    r"\.test\.yml$": "tests of the alerts, which promtool runs",
    r"dashboard\.json$": "a picture of what the alerts judge; its panels and expressions are counted",
}
"""Files whose every line may change, and why."""
EXCUSED = (
    (r"^(set -eu|: \"\$\{BOOTSTRAP|KAFKA_BIN=|\[Service\])|^\s+\"\$\{?KAFKA", "how the commands are run"),
    (r"^\"\$\{KAFKA_BIN\}", "how the commands are run"),
    (r"^\s*\"doc\":", "a remark"),
    (r"^groups:|^\s+- name: loadkit-kafka", "the name of a group of alerts"),
    (r"^\s+metadata:|^\s*metadata:$", "frame of a resource"),
    (
        r"^\s+name: (kafka-metrics|\"order-stream\"|tls)|^\s+- name: tls|^\s+(key|port|type: internal|tls): ?|^\s+strimzi.io/cluster",
        "names and listeners, the cluster's own",
    ),
    (
        r"^\s+(labels|metricsConfig|valueFrom|configMapKeyRef|listeners|entityOperator|topicOperator|userOperator|kafkaExporter)\b|type: (internal|jmxPrometheusExporter)",
        "frame of a resource",
    ),
    (r"^\s+(topicRegex|groupRegex): ", "which lag is told"),
    (r"kraftMetadata|- id: 0|size: 100Gi", "the controllers' disk, or Strimzi's own names"),
    (r"^\"\"\"|^\S+ = \{$|^\}$|^    \},?$|^  \},?$|^---$|^[\]}{,\s]+$", "frame of a file"),
    (
        r"vm\.dirty|net\.core|MaxGCPause|Initiating|KAFKA_JVM|-XX|\"UseG1GC\"|ExitOnOut",
        "tuning: any value keeps data safe",
    ),
    (r"num\.(network|io|replica)", "tuning: any value keeps data safe"),
    (
        r"^    name: \"(orders|ledger|customers)\"|^  name: \"(orders|ledger|customers)\"",
        "the resource's name; topicName is judged",
    ),
)
"""Lines that may change, and why."""
SAFE_CHANGES = (
    (r"vm\.max_map_count|LimitNOFILE", "more is safe, fewer is judged"),
    (r"^\s*(summary|description): ", "words of an alert; that there are some is judged"),
    (r"max\.block\.ms", "a longer wait, still not none"),
    (r"max\.poll\.records", "still within max.poll.interval.ms, which is judged"),
    (r"^\s+for: ", "waits of up to 10 or 15 minutes are judged"),
    (r"broker\.rack=", "a zone's own name; that they differ is judged"),
)
"""Lines that may not be dropped, and may have another value, and why."""
DROPPED = ((r"^  topicName: ", "the resource's own name is then the topic's"),)


SMALL = (replace(ORDERS, groups=ORDERS.groups[:1]), LEDGER, replace(CUSTOMERS, groups=()))
PLANS = {platform: facts(platform=platform, topics=SMALL) for platform in ("self-managed", "strimzi")}


def lines() -> Iterator[tuple[str, int, str]]:
    """Yield each line that is a setting: file, place, text."""
    for platform, made in PLANS.items():
        for path, text in judged(made).items():
            if any(re.search(pattern, path) for pattern in REASONS) or (platform == "strimzi") != ("strimzi" in path):
                continue
            for at, line in enumerate(text.splitlines()):
                if line.strip() and not line.lstrip().startswith("#"):
                    yield f"{platform}:{path}", at, line


def changed(line: str) -> str:
    """Return a line with its value changed: the last number, truth or word of it."""
    for pattern, other in (
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r"\bTrue\b", "False"),
        (r"\bFalse\b", "True"),
    ):
        if re.search(pattern, line):
            return re.sub(pattern, other, line)
    numbers = list(re.finditer(r"(?<![\w.])-?\d+(\.\d+)?(?=[^\w]|$|m\b|Mi|Gi)", line))
    if numbers:
        last = numbers[-1]
        value = float(last[0])
        return line[: last.start()] + (f"{value * 2 + 1:.0f}" if value >= 0 else "60000") + line[last.end() :]
    words = list(re.finditer(r"[A-Za-z_]+", line))
    return line[: words[-1].end()] + "x" + line[words[-1].end() :] if words else line + "x"


def test_the_checker_notices_each_line_that_is_lost_or_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line of every file is dropped, and changed, in turn: there is a finding, or the line stands among those excused."""
    monkeypatch.setattr(detect, "read", cache(detect.read))
    whole = {platform: judged(one) for platform, one in PLANS.items()}
    unnoticed = []
    for where, at, line in lines():
        platform, path = where.split(":", 1)
        before = whole[platform][path].splitlines()
        for kind, after in (("dropped", []), ("changed", [changed(line)])):
            excuses = (*EXCUSED, *(SAFE_CHANGES if after else DROPPED))
            if any(re.search(pattern, line) for pattern, _ in excuses) or after == [line]:
                continue
            text = "\n".join([*before[:at], *after, *before[at + 1 :]]) + "\n"
            if not check.judge_plan({**whole[platform], path: text}, PLANS[platform]):
                unnoticed.append(f"{where}:{at + 1} {kind}: {line.strip()} -> {after}")
    assert unnoticed == []


def test_the_excuses_are_few() -> None:
    """Most lines are watched: an excuse that grew too wide would show here."""
    rows = [line for _, _, line in lines()]
    excused = sum(any(re.search(pattern, line) for pattern, _ in EXCUSED) for line in rows)
    assert len(rows) > 500
    assert excused < len(rows) * 0.3


def test_terraform_reads_the_variables(tmp_path: Path) -> None:
    """The values fit their declarations, and are what the plan says."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("there is no terraform on the PATH")
    write(FACTS, tmp_path / "configs")
    done = subprocess.run(
        [terraform, f"-chdir={tmp_path / 'configs' / 'terraform'}", "console"], text=True, capture_output=True, timeout=60,
        input='"${var.broker_count} ${var.topics["orders"].config["min.insync.replicas"]} ${var.broker_shape}"\n', check=False,
    )  # fmt: skip
    assert done.stdout.strip() == '"6 2 m7g.2xlarge"', done.stderr


def test_promtool_passes_the_rules_and_their_tests(tmp_path: Path) -> None:
    """Every alert fires on the series that must raise it, and on no other."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool on the PATH")
    write(FACTS, tmp_path / "configs")
    folder = tmp_path / "configs" / "prometheus"
    for words in (["check", "rules", "kafka-rules.yml"], ["test", "rules", "kafka-rules.test.yml"]):
        done = subprocess.run([promtool, *words], cwd=folder, text=True, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_settings_is_this_kafkas() -> None:
    """The version that the defaults were read from is the embedded one."""
    from loadkit.targets.embedded_spec import DEFAULT_VERSION

    assert java()["kafka"] == DEFAULT_VERSION
