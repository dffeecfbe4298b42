"""Config files of every example plan, taken by the clients and tools that they are for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sweep_fixture
from java_tool import CONSUMER, WARNING, at_once, consume, made_topics, produce
from running import ROOT, create, fill

from loadkit import drive_size
from loadkit.sizing import requirements
from loadkit.targets.embedded import EmbeddedCluster

pytestmark = [pytest.mark.kafka, pytest.mark.long]

ELSEWHERE = ("remote.storage.enable", "local.retention.ms", "write.caching")
"""Properties that need a tier of storage, which no embedded node has, or that Redpanda alone knows."""
EXAMPLES = {path.stem: path for path in sorted((ROOT / "scenarios" / "sizing").glob("*.toml"))}


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the config files of every example, planned from a small simulated sweep."""
    out = tmp_path_factory.mktemp("examples")
    for name, path in EXAMPLES.items():
        drive_size.size(drive_size.Request(path, (sweep_fixture.whole(),), out / name, demo=True), quiet=True)
    return {name: out / name / drive_size.CONFIGS for name in EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_java_clients_start_with_the_files_of_an_example(
    plans: dict[str, Path], kafka1: EmbeddedCluster, tmp_path: Path, name: str
) -> None:
    """Each producer and consumer: no unknown setting, no error, every message through."""
    topic = f"example-{name}"
    create(kafka1, topic)
    fill(kafka1, topic, [b"x"])
    runs = [produce(kafka1, topic, file) for file in sorted(plans[name].rglob("producer.properties"))]
    runs += [consume(kafka1, topic, file) for file in sorted(plans[name].rglob("consumer.properties"))]
    assert len(runs) >= 2
    for start in range(0, len(runs), 3):
        some = runs[start : start + 3]
        for (main, words), done in zip(some, at_once(tmp_path, some), strict=True):
            assert done.returncode == 0, (words, done.stderr)
            assert WARNING not in done.stderr, done.stderr
            assert "ERROR" not in done.stderr, done.stderr
            assert "50 records sent" in done.stdout or main == CONSUMER


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_topics_of_an_example_are_made(
    plans: dict[str, Path], kafka3: EmbeddedCluster, tmp_path: Path, name: str
) -> None:
    """By its script: every command is taken, but for the properties that these brokers do not have."""
    script = plans[name] / "topics" / "create-topics.sh"
    for topic in requirements.read(EXAMPLES[name]).topics:
        if topic.partitions:
            create(kafka3, topic.name, topic.partitions)
    text = script.read_text()
    for property_ in ELSEWHERE:
        text = re.sub(rf" \\\n  --config '{property_}=[^']*'", "", text)
    made = tmp_path / script.name
    made.write_text(text)
    made.chmod(0o755)
    made_topics(made, kafka3, tmp_path)
