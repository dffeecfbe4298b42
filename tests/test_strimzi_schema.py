"""Strimzi's resources fit its own schemas, of which a copy stands in tests/data; unknown fields are refused too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from facts_fixture import CUSTOMERS, FACTS, ORDERS, facts

from loadkit.sizing.facts import Facts
from loadkit.sizing.recommend import texts

SCHEMAS = json.loads((Path(__file__).parent / "data" / "strimzi" / "crds.json").read_text())


def strict(schema: Any) -> Any:
    """Return a schema that refuses fields it does not name, which Kubernetes would drop in silence."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def resources(made: Facts) -> list[dict[str, Any]]:
    """Return all documents of a plan's files for Strimzi."""
    found = [text for path, text in texts(made).items() if path.startswith("strimzi/")]
    return [one for text in found for one in yaml.safe_load_all(text) if one]


@pytest.mark.parametrize("made", [FACTS, facts(zones=1, kafka_version="4.2.0"), facts(topics=(CUSTOMERS, ORDERS))])
def test_resources_fit_the_schemas(made: Facts) -> None:
    """A cluster, two pools, and each topic."""
    found = resources(Facts(**{**{name: getattr(made, name) for name in made.__slots__}, "platform": "strimzi"}))
    assert sorted(one["kind"] for one in found) == [
        "Kafka",
        "KafkaNodePool",
        "KafkaNodePool",
        *["KafkaTopic"] * len(made.topics),
    ]
    for one in found:
        assert one["apiVersion"] == "kafka.strimzi.io/v1"
        schema = strict(SCHEMAS[one["kind"]])
        schema["properties"]["metadata"] = {"type": "object"}
        jsonschema.validate(one, schema)


def test_a_field_that_strimzi_does_not_know_is_refused() -> None:
    """The test above would notice a wrong name."""
    topic = next(one for one in resources(facts(platform="strimzi")) if one["kind"] == "KafkaTopic")
    topic["spec"]["replicaz"] = 3
    schema = strict(SCHEMAS["KafkaTopic"])
    schema["properties"]["metadata"] = {"type": "object"}
    with pytest.raises(jsonschema.ValidationError, match="replicaz"):
        jsonschema.validate(topic, schema)
