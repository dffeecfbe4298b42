"""The properties of Java's clients, of topics and of brokers as Kafka's own jars print them: the source of
`loadkit/sizing/data/java_properties.json`.

`python -m tests.java_table > loadkit/sizing/data/java_properties.json` writes the file anew for another Kafka;
`tests/kafka/test_dialects.py` fails until that is done.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import Any

from loadkit.targets import embedded

PRINTERS = {
    "producer": "org.apache.kafka.clients.producer.ProducerConfig",
    "consumer": "org.apache.kafka.clients.consumer.ConsumerConfig",
    "topic": "org.apache.kafka.storage.internals.log.LogConfig",
    "broker": "kafka.server.KafkaConfig",
}
"""Classes whose main prints the documentation of their properties."""


def parse(page: str) -> dict[str, dict[str, str]]:
    """Return name to type, default and range of each property on a page of Kafka's documentation."""
    found = {}
    for block in page.split("<h4>")[1:]:
        name = re.match(r'<a id="([^"]+)"', block)
        cells = dict(re.findall(r"<tr><th>([^<]+):</th><td>(.*?)</td></tr>", block, re.DOTALL))
        texts = {key: html.unescape(re.sub("<[^>]+>", "", value)).strip() for key, value in cells.items()}
        assert name
        default = re.sub(r" \([^)]*\)$", "", texts["Default"])  # "120000 (2 minutes)"
        facts = {"type": texts["Type"], "default": "" if default == "null" else default, "range": texts["Valid Values"]}
        found[name[1]] = {key: value for key, value in facts.items() if value}
    return found


def printed() -> dict[str, Any]:
    """Return the table of this Kafka's jars."""
    command = embedded.java_command()
    table: dict[str, Any] = {"kafka": embedded.DEFAULT_VERSION}
    for kind, main in PRINTERS.items():
        page = subprocess.run([*command, main], check=True, capture_output=True, text=True, timeout=60).stdout
        table[kind] = parse(page)
    return table


def text(table: dict[str, Any]) -> str:
    """Return the table as the file has it: a property a line, so that a change reads well."""
    lines = [f'{{"kafka": "{table["kafka"]}"']
    for kind in PRINTERS:
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in table[kind].items())
        lines.append(f'"{kind}": {{\n{rows}\n}}')
    return ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    print(text(printed()), end="")
