"""What a planner needs, as `requirements.toml` states it: topics, groups, platform, failures, growth, prices.

Units inside are seconds, bytes and messages a second; the file takes text (`"20k/s"`, `"50MB/s"`, `"7d"`, `"25%"`).
What the planner leaves out is None here and becomes an assumption with its source in `assumptions`, never a silent
default; what cannot be is refused by its path in the file (UsageError).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from loadkit.errors import LoadkitError, UsageError, nearest
from loadkit.sizing.facts import Cleanup, Platform
from loadkit.slo import parse_all
from loadkit.units import ByteRate, Bytes, Seconds, parse_byte_rate, parse_duration, parse_rate

FOREVER = "forever"
"""A retention without an end; storage is then planned for `FOREVER_SECONDS`."""
FOREVER_SECONDS = 10 * 31_536_000.0
"""Ten years, as eventsizer.io plans infinite retention."""
OWN_SHAPES = ("self-managed", "strimzi", "redpanda")
"""Platforms whose brokers are whatever machine the team buys: `[[platform.shapes]]` says which."""


def _share(value: object) -> float:
    """Return a share from `"25%"` or 0.25."""
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(value.strip()[:-1]) / 100
        if isinstance(value, bool):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a share: write it like '25%' or 0.25") from None


def _retention(value: object) -> float:
    if (isinstance(value, str) and value.strip().lower() in (FOREVER, "infinite", "-1")) or value == -1:
        return math.inf
    return parse_duration(value)  # type: ignore[arg-type]


def _load(value: object) -> tuple[float, bool]:
    """Return (amount a second, whether it is bytes) of `"20k/s"` messages or `"50MB/s"`."""
    if isinstance(value, str) and value.partition("/")[0].strip().endswith("B"):
        return parse_byte_rate(value), True
    return parse_rate(value), False  # type: ignore[arg-type]


Share = Annotated[float, BeforeValidator(_share)]
Load = Annotated[tuple[float, bool], BeforeValidator(_load)]
Retention = Annotated[float, BeforeValidator(_retention)]


class Part(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(Part):
    """A consumer group of a topic."""

    name: str = Field(min_length=1)
    process_time: Seconds = 0.0
    """Time one message takes its consumer, one after the other."""
    tail: bool = True
    """Whether it reads what is new; False: it only replays."""
    replay: ByteRate = 0.0
    """Bytes a second that it reads from the past beside that, from disk."""
    consumers: int | None = Field(default=None, ge=1)
    """How many there are now."""


class Topic(Part):
    """A topic, or `count` topics alike."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=249)
    count: int = Field(default=1, ge=1, le=100_000)
    rate: Load
    """Average over a day: messages or bytes (before compression) a second."""
    peak: Load | None = None
    """Highest minute; None: assumed."""
    size: Bytes = Field(gt=0)
    """Mean bytes of a message, key and headers with it, before compression."""
    compression: float | None = Field(default=None, ge=1, le=1000)
    """Bytes before to bytes after."""
    keyed: bool = True
    hottest_key: Share | None = Field(default=None, ge=0, le=1)
    """Part of the topic's messages that its most frequent key has."""
    retention: Retention = Field(default=7 * 86400.0, gt=0)
    retention_bytes: Bytes | None = Field(default=None, ge=1)
    """Of each partition."""
    local_retention: Seconds | None = Field(default=None, gt=0)
    """Kept on the brokers' disks where the rest is tiered."""
    cleanup: Cleanup = "delete"
    live_keys: int | None = Field(default=None, ge=1)
    """Distinct keys of a compacted topic."""
    max_message: Bytes | None = Field(default=None, ge=1)
    transactions: bool = False
    partitions: int | None = Field(default=None, ge=1)
    """How many there are now."""
    slo: tuple[str, ...] = ()
    growth: Share | None = Field(default=None, ge=0, le=10)
    outage: Seconds | None = None
    catch_up: Seconds | None = Field(default=None, gt=0)
    groups: tuple[Group, ...] = ()

    @field_validator("slo", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("slo")
    @classmethod
    def _objectives(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_all(value)
        except LoadkitError as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        peak = self.peak_messages
        if peak is not None and peak < self.messages * (1 - 1e-9):
            raise ValueError(f"peak {peak:g} msg/s is below the average rate {self.messages:g} msg/s")
        if "compact" in self.cleanup and not self.keyed:
            raise ValueError(
                "cleanup compacts by key, and keyed = false: every record of a compacted topic needs a key"
            )
        if "compact" in self.cleanup and self.live_keys is None:
            raise ValueError("live_keys is missing: a compacted topic is as large as its distinct keys")
        if self.hottest_key and not self.keyed:
            raise ValueError("hottest_key is given, and keyed = false: without keys none is hottest")
        if self.max_message is not None and self.max_message < self.size:
            raise ValueError(f"max_message {self.max_message} is below the mean size {self.size}")
        names = [group.name for group in self.groups]
        if twice := [name for at, name in enumerate(names) if name in names[:at]]:
            raise ValueError(f"group {twice[0]!r} is given twice")
        return self

    @property
    def messages(self) -> float:
        """Average messages a second of one topic."""
        return self._messages(self.rate)

    @property
    def peak_messages(self) -> float | None:
        """Peak messages a second of one topic; None where it is to be assumed."""
        return None if self.peak is None else self._messages(self.peak)

    def _messages(self, load: tuple[float, bool]) -> float:
        return load[0] / self.size if load[1] else load[0]


class Shape(Part):
    """A machine that a broker may run on; rates are sustained, never "up to"."""

    name: str = Field(min_length=1)
    cores: float = Field(gt=0, le=4096)
    memory: Bytes = Field(ge=2**30, le=2**50)
    network: ByteRate = Field(gt=0, le=20e9)
    """Each way."""
    disk: Bytes = Field(ge=2**30, le=2**60)
    disk_write: ByteRate = Field(gt=0)
    disk_read: ByteRate | None = Field(default=None, gt=0)


class PlatformSection(Part):
    """Where the cluster is to run."""

    kind: Platform
    zones: int = Field(default=3, ge=1, le=100)
    kafka_version: str = "4.1.0"
    replication_factor: int = Field(default=3, ge=1, le=100)
    min_insync_replicas: int = Field(default=2, ge=1)
    shapes: tuple[Shape, ...] = ()
    sizes: tuple[str, ...] = ()
    """Of a vendor's shapes, those to choose from; empty: all."""
    max_brokers: int | None = Field(default=None, ge=1)
    """Or units."""
    connections: int | None = Field(default=None, ge=0)
    """Of all clients together at their most."""
    client_rack: bool = False
    """Whether consumers read from the replica in their own zone."""
    measured_shape: str | None = None
    """The shape that the results were measured on, where the target file did not say."""

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.replication_factor < 3 or not 2 <= self.min_insync_replicas < self.replication_factor:
            raise ValueError(
                f"replication_factor = {self.replication_factor} with min_insync_replicas = {self.min_insync_replicas} "
                "is never recommended: use 3 or more copies, of which 2 or more and not all are in sync"
            )
        if self.kind in OWN_SHAPES and not self.shapes:
            raise ValueError("shapes is missing: describe at least one machine under [[platform.shapes]]")
        if self.kind not in OWN_SHAPES and self.shapes:
            raise ValueError(f"shapes is given, and those of {self.kind} are known: name some with sizes = [...]")
        names = [shape.name for shape in self.shapes]
        if twice := [name for at, name in enumerate(names) if name in names[:at]]:
            raise ValueError(f"shape {twice[0]!r} is given twice")
        return self


class Survive(Part):
    """What must be survived at the horizon's peak."""

    broker: bool = True
    zone: bool | None = None
    """None: a zone where there are three or more."""
    outage: Seconds = 3600.0
    """Longest time that consumers are away."""
    catch_up: Seconds = Field(default=7200.0, gt=0)
    """Longest time that they may take to catch up."""


class Growth(Part):
    """How load grows."""

    per_month: Share = Field(default=0.0, ge=0, le=10)
    horizon_months: int = Field(default=12, ge=0, le=240)


class Prices(Part):
    """What things cost, all in one currency; whatever is left out makes its line unknown, never 0."""

    currency: str = Field(min_length=1)
    date: date
    """Of the price list."""
    hour: dict[str, float] = {}
    """Of one broker or unit, by shape."""
    storage_gb_month: float | None = Field(default=None, ge=0)
    tiered_gb_month: float | None = Field(default=None, ge=0)
    cross_zone_gb: float | None = Field(default=None, ge=0)
    in_gb: float | None = Field(default=None, ge=0)
    out_gb: float | None = Field(default=None, ge=0)
    partition_hour: float | None = Field(default=None, ge=0)
    cross_region_gb: float | None = Field(default=None, ge=0)
    support: Share = Field(default=0.0, ge=0, le=10)
    discount: Share = Field(default=0.0, ge=0, lt=1)

    @field_validator("hour")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, price in value.items():
            if not (math.isfinite(price) and price >= 0):
                raise ValueError(f"{name}: {price} is no price")
        return value


class Existing(Part):
    """The cluster there is."""

    brokers: int = Field(ge=1)
    shape: str


class Override(Part):
    """A limit as it is for this account, such as `"7MB/s"`; it stands in place of the data file's."""

    shape: str = "*"
    resource: str
    value: float | str
    source: str = Field(min_length=1)


class Requirements(Part):
    """The whole file."""

    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    platform: PlatformSection
    topics: tuple[Topic, ...] = Field(min_length=1, max_length=2000)
    survive: Survive = Survive()
    growth: Growth = Growth()
    prices: Prices | None = None
    existing: Existing | None = None
    copies: int = Field(default=0, ge=0, le=10)
    """Further clusters that hold everything, for disaster recovery."""
    limits: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [topic.name for topic in self.topics]
        if twice := [name for at, name in enumerate(names) if name in names[:at]]:
            raise ValueError(f"topics: {twice[0]!r} is given twice")
        return self


def read(path: Path) -> Requirements:
    """Return the requirements of a file; UsageError naming file, dotted path and the way out."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; `loadkit init requirements` writes one to start from") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return parse(data, str(path))


def parse(data: Mapping[str, Any], place: str = "requirements") -> Requirements:
    """Return the requirements of parsed TOML; UsageError."""
    try:
        return Requirements.model_validate(data)
    except ValidationError as problem:
        raise UsageError("\n".join(f"{place}: {_sentence(error)}" for error in problem.errors())) from None


def _sentence(error: Any) -> str:
    """Return one complaint of pydantic with its path in the file and the nearest key."""
    where = ""
    for part in error["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    if error["type"] == "extra_forbidden":
        return f"unknown key {where}{nearest(str(error['loc'][-1]), _keys(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{where} is missing"
    text = str(error["msg"]).removeprefix("Value error, ")
    text = text if error["type"] == "value_error" else text[:1].lower() + text[1:]
    return f"{where}: {text}" if where else text


_TABLES: Mapping[str, type[Part]] = {
    "platform": PlatformSection, "topics": Topic, "groups": Group, "shapes": Shape, "survive": Survive,
    "growth": Growth, "prices": Prices, "existing": Existing, "limits": Override,
}  # fmt: skip


def _keys(loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys of the table at a place of the file."""
    names = [part for part in loc if isinstance(part, str)]
    table = _TABLES.get(names[-1], Requirements) if names else Requirements
    return list(table.model_fields)
