"""Files for librdkafka and Python, taken by the client itself, on the broker that librdkafka simulates."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import pytest
from facts_fixture import FACTS

from loadkit.sizing import plan as planning
from loadkit.sizing import requirements
from loadkit.sizing.check.reading.properties import lines
from loadkit.sizing.facts import Facts
from loadkit.sizing.handover import facts_of
from loadkit.sizing.recommend import texts

MOCK = {"test.mock.num.brokers": 3, "bootstrap.servers": "mock"}


ROOT = Path(__file__).parent.parent
EXAMPLES = {path.stem: path for path in sorted((ROOT / "scenarios" / "sizing").glob("*.toml"))}


def settings(facts: Facts) -> dict[str, dict[str, Any]]:
    """Return the settings of every file and dictionary by its name."""
    made = texts(facts)
    found: dict[str, dict[str, Any]] = {
        path: {entry.name: entry.value for entry in lines(text)}
        for path, text in made.items()
        if path.startswith("librdkafka/")
    }
    for node in ast.parse(made["python/kafka_settings.py"]).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


SETTINGS = settings(FACTS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_client_takes_its_settings(name: str) -> None:
    """Producers deliver, transactional ones commit, consumers subscribe; an unknown setting would be refused."""
    taken(name, SETTINGS[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_client_takes_the_settings_of_an_example(name: str) -> None:
    """Every file and dictionary of each plan that ships."""
    made = planning.make(requirements.read(EXAMPLES[name]), None, date(2026, 11, 26))
    found = settings(facts_of(made))
    assert len(found) >= 4
    for file, config in found.items():
        taken(file, config)


def taken(name: str, settings: dict[str, Any]) -> None:
    """Fail unless a client takes settings and works with them."""
    config = {**settings, **MOCK}
    if "consumer" in Path(name).name.lower():
        consumer = ck.Consumer(config)
        consumer.subscribe(["t"])
        consumer.close()
        return
    producer = ck.Producer(config)
    if "transactional.id" in config:
        producer.init_transactions(20)
        producer.begin_transaction()
    producer.produce("t", b"value", key=b"key")
    assert producer.flush(20) == 0
    if "transactional.id" in config:
        producer.commit_transaction(20)


def test_an_unknown_setting_is_refused() -> None:
    """The test above would notice one."""
    with pytest.raises(ck.KafkaException, match=r"linger\.millis"):
        ck.Producer({**SETTINGS["PRODUCER"], **MOCK, "linger.millis": 5})
