"""Which lane a class's users take: `fast` wherever it can do what the class asks for, else `standard`, and why.

Both are the same librdkafka; `fast` calls it for whole batches by ctypes, `standard` for single messages through
confluent-kafka. The choice is made in each load process and stands in the result.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload
from loadkit.targets import librdkafka, tokens

ENVIRONMENT = "LOADKIT_LANE"
"""What classes with `lane = "auto"` take instead, for a whole process."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The lane of a class."""

    name: str
    why: str = ""
    """Why it is not the fast one, where nobody asked for another."""

    def __str__(self) -> str:
        """Return the name, with the reason where there is one."""
        return f"{self.name} ({self.why})" if self.why else self.name


def chosen(workload: ProducerWorkload | ConsumerWorkload, form: str, config: Mapping[str, str]) -> Chosen:
    """Return the lane of a workload whose stamps have a form and whose client has a config.

    Raises ScenarioError where the class asks for the fast lane and cannot have it.
    """
    wanted = workload.lane if workload.lane != "auto" else _from_environment()
    if wanted == "standard":
        return Chosen("standard")
    why = _unfit(workload, form, config) or _unavailable()
    if why and workload.lane == "fast":
        raise ScenarioError(f"{workload.name}.lane: the fast lane cannot be taken: {why}; say lane = 'auto'")
    return Chosen("standard", why) if why else Chosen("fast")


def _from_environment() -> str:
    wanted = os.environ.get(ENVIRONMENT, "auto")
    if wanted not in ("auto", "standard", "fast"):
        raise UsageError(f"{ENVIRONMENT}={wanted}: it is auto, standard or fast")
    return wanted


def _unfit(workload: ProducerWorkload | ConsumerWorkload, form: str, config: Mapping[str, str]) -> str:
    if form == "header":
        return "stamps travel in headers, which batches cannot carry"
    if isinstance(workload, ProducerWorkload) and workload.headers:
        return "batches carry no headers"
    if isinstance(workload, ConsumerWorkload) and workload.protocol == "share":
        return "share groups have no batch call"
    if tokens.region(config):
        return "tokens are signed by a Python library, which the standard client asks"
    if "plugin.library.paths" in config:
        return "plugins are loaded by the standard client"
    return ""


def _unavailable() -> str:
    try:
        librdkafka.library()
    except librdkafka.Unavailable as why:
        return str(why)
    return ""
