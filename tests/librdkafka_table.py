"""The table of client properties as the installed librdkafka prints it: the source of `librdkafka_properties.json`.

`python -m tests.librdkafka_table > loadkit/targets/librdkafka_properties.json` writes the file anew after an update of
confluent-kafka; `test_properties.py` fails until that is done.
"""

from __future__ import annotations

import ctypes
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import confluent_kafka

_TYPES = {
    "integer": "int",
    "float": "float",
    "boolean": "bool",
    "enum value": "enum",
    "CSV flags": "csv",
    "string": "string",
    "pattern list": "csv",
    "see dedicated API": "callback",
}


def printed_table() -> str:
    """Return librdkafka's own CONFIGURATION.md text, from the shared object that confluent-kafka carries."""
    folder = Path(confluent_kafka.__file__).parent
    objects = [*folder.parent.glob("confluent_kafka.libs/librdkafka-*"), *folder.glob(".dylibs/librdkafka*")]
    if not objects:
        raise FileNotFoundError("this confluent-kafka carries no librdkafka of its own")
    library, libc = ctypes.CDLL(str(objects[0])), ctypes.CDLL(None)
    libc.fopen.restype, libc.fclose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    library.rd_kafka_conf_properties_show.argtypes = [ctypes.c_void_p]
    with tempfile.NamedTemporaryFile() as file:
        stream = libc.fopen(file.name.encode(), b"w")
        library.rd_kafka_conf_properties_show(stream)
        libc.fclose(stream)
        return Path(file.name).read_text()


def parse(table: str) -> dict[str, dict[str, Any]]:
    """Return name to facts; of a name in both halves of the table the global one, which librdkafka finds first."""
    properties: dict[str, dict[str, Any]] = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.split("|", 5)]
        if len(cells) == 6 and cells[1] in ("*", "P", "C") and cells[0] not in properties:
            properties[cells[0]] = _facts(*cells[1:4], cells[5])
    return properties


def _facts(role: str, allowed: str, default: str, text: str) -> dict[str, Any]:
    found = re.search(r"\*Type: ([^*]+)\*", text)
    facts: dict[str, Any] = {"role": role, "type": _TYPES[found[1]] if found else "string"}
    if alias := re.match(r"Alias for `([^`]+)`", text):
        facts["alias"] = alias[1]
    if bounds := re.fullmatch(r"(-?\d+) \.\. (-?\d+)", allowed):
        facts["min"], facts["max"] = int(bounds[1]), int(bounds[2])
    elif allowed and facts["type"] != "bool":
        facts["values"] = [value.strip() for value in allowed.split(",")]
    if default:
        facts["default"] = default
    if "**DEPRECATED**" in text or "[**LEGACY" in text:
        facts["deprecated"] = True
    if share := re.search(r"only supported for share consumers|not supported for share consumers", text):
        facts["share"] = share[0].startswith("only")
    return facts


def document() -> str:
    """Return the JSON text of the data file: one property a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in parse(printed_table()).items()]
    version = json.dumps(confluent_kafka.libversion()[0])
    return f'{{"librdkafka": {version}, "properties": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    print(document(), end="")
