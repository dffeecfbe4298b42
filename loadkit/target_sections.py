"""The sections of a target file that are not client properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from loadkit import secrets
from loadkit.units import ByteRate, Bytes, Seconds

_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
LONGEST_NAME = 249


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{secrets.MASK.text(value)!r} is not a URL: write it like 'http://b1:7071/metrics'")
    if parts.password and not secrets.is_reference(parts.password):
        raise ValueError(f"{secrets.MASK.text(value)!r} holds a password: write it as ${{ENV}}")
    return value


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value) or value in (".", "..") or len(value) > LONGEST_NAME:
        raise ValueError(f"{value!r} is not a topic name: letters, digits, '.', '_' and '-', at most {LONGEST_NAME}")
    return value


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Topics(Section):
    """How topics are made, and which others may be used."""

    prefix: Annotated[str, AfterValidator(_topic)] = Field(default="loadkit.", max_length=100)
    """Topics, groups and transactional ids are `<prefix><run id>.<name>`, so that a prefix ACL is enough."""
    replication_factor: int | None = Field(default=None, ge=1, le=32767)
    """None: the cluster's default."""
    min_insync_replicas: int | None = Field(default=None, ge=1)
    """None: the cluster's default."""
    retention: Seconds = Field(default=6 * 3600.0, gt=0, le=3.15e9)
    retention_bytes: Bytes = Field(default=10 * 2**30, ge=1)
    """Bytes kept of each partition."""
    allow_existing: tuple[Annotated[str, AfterValidator(_topic)], ...] = ()
    """Topics a scenario may use as they are: never created, changed or deleted."""

    @model_validator(mode="after")
    def _writable(self) -> Self:
        copies, needed = self.replication_factor, self.min_insync_replicas
        if copies is not None and needed is not None and needed > copies:
            raise ValueError(
                f"min_insync_replicas = {needed} is above replication_factor = {copies}: nothing could be written"
            )
        return self

    def config(self) -> dict[str, str]:
        """Return the topic properties every topic of loadkit is created with."""
        config = {"retention.ms": str(round(self.retention * 1000)), "retention.bytes": str(self.retention_bytes)}
        if self.min_insync_replicas is not None:
            config["min.insync.replicas"] = str(self.min_insync_replicas)
        return config


class Limits(Section):
    """How much load this cluster may be given; nothing is sent that goes beyond."""

    max_rate: ByteRate = Field(gt=0)
    max_bytes: Bytes = Field(gt=0)
    max_partitions: int = Field(ge=1)


class Metrics(Section):
    """Where brokers publish their metrics."""

    jmx_exporter: tuple[Annotated[str, AfterValidator(_url)], ...] = ()


class Cluster(Section):
    """Facts for sizing, none of which a client can ask for."""

    platform: Literal[
        "self-managed", "strimzi", "redpanda", "msk-standard", "msk-express", "msk-serverless", "confluent-cloud",
        "event-hubs", "google-managed-kafka"
    ] | None = None  # fmt: skip
    brokers: int | None = Field(default=None, ge=1)
    zones: int | None = Field(default=None, ge=1)
    shape: str | None = None


SECTIONS: Mapping[str, type[Section]] = {"topics": Topics, "limits": Limits, "metrics": Metrics, "cluster": Cluster}
