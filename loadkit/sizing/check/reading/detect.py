"""Which format a file is in: by its name first, then by trying."""

from __future__ import annotations

from pathlib import PurePath

from loadkit.errors import UsageError
from loadkit.sizing.check.model import Piece, Read
from loadkit.sizing.check.reading import hcl, properties, python, shell, structured, system

_BY_SUFFIX = {
    ".py": (python.read,),
    ".json": (structured.read,),
    ".yaml": (structured.read,),
    ".yml": (structured.read,),
    ".sh": (shell.read,),
    ".bash": (shell.read,),
    ".tfvars": (hcl.read,),
    ".properties": (properties.read,),
}
_ANY = (shell.read, system.read, properties.read, python.read, hcl.read, structured.read)
_KNOWN = (
    "a Java or librdkafka client's properties, server.properties, JSON, YAML or Python with such settings, commands of "
    "kafka-topics, Strimzi resources, tfvars, sysctl or systemd limits, Cruise Control's capacity.json, Prometheus "
    "rules, a Grafana dashboard"
)


class Unknown(UsageError):
    """A file that is nothing of what the checker knows, or cannot be read as what it is."""


def read(file: str, text: str) -> Read:
    """Return what a file holds. Raises Unknown, with what was looked for."""
    suffix = PurePath(file).suffix.lower()
    if file.endswith(".tf"):
        return Read((Piece("other", file, "terraform", line=1),))
    try:
        for reader in _BY_SUFFIX.get(suffix, _ANY):
            found = reader(file, text)
            if found is not None:
                return found
    except structured.Unreadable as error:
        raise Unknown(f"{file} cannot be read: {error}") from None
    except RecursionError:
        raise Unknown(f"{file} cannot be read: it is nested without end") from None
    raise Unknown(f"{file} holds no settings that can be judged: known are {_KNOWN}")
