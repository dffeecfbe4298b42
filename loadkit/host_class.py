"""The class of a machine: runners of one class are alike, whatever they are called; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any


def host_class(environment: Mapping[str, Any]) -> dict[str, str] | None:
    """Return name and id of a machine's class, by processor, cores and memory as a result's environment gives them.

    None where the environment does not say: a run that died before it could, or a file of another tool.
    """
    if not all(environment.get(name) for name in ("cpu", "cores", "memory")):
        return None
    memory = round(environment["memory"] / 2**30)
    name = f"{environment['cpu']}, {environment['cores']} cores, {memory} GiB"
    return {"name": name, "id": hashlib.sha256(name.encode()).hexdigest()[:12]}
