"""The cluster under test: a built-in name, or a TOML file of connection, security, topics and limits.

`embedded...` and `simulated...` are built in; their own modules read what follows the name. Anything else is the path
of a file, checked whole before any load. Secrets stay references here: `client_config` reads them at the last moment.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from loadkit import secrets
from loadkit.errors import TargetFileError, UsageError, nearest
from loadkit.target_sections import LONGEST_NAME, SECTIONS, Cluster, Limits, Metrics, Section, Topics
from loadkit.targets.properties import KNOWN, Layer, Role, effective, normalise
from loadkit.units import format_byte_rate, format_count, format_size

BUILT_IN = ("embedded", "embedded:3", "simulated")
"""The built-in names as messages list them."""
LIMITS_TO_PASTE = '[limits]\nmax_rate = "50MB/s"\nmax_bytes = "100GB"\nmax_partitions = 200'
"""What a file without limits lacks."""

_BUILT_IN = re.compile(r"(embedded|simulated)(?=[:@?]|$)")
_PATHS = (".location", ".keytab", ".file")
_CLIENTS: Mapping[str, Role | None] = {"client": None, "producer": "producer", "consumer": "consumer", "admin": "admin"}
"""Sections of client properties, and the one role that may have what stands there."""


class Target(Section):
    """A cluster under test. Secrets in it are references, so it may be shown, kept and sent to workers."""

    kind: Literal["embedded", "simulated", "file"]
    text: str
    """The target as it was named: for a built-in one, name and parameters."""
    name: str = Field(min_length=1, max_length=100)
    path: Path | None = None
    client: Mapping[str, Any] = Field(default_factory=dict)
    producer: Mapping[str, Any] = Field(default_factory=dict)
    consumer: Mapping[str, Any] = Field(default_factory=dict)
    admin: Mapping[str, Any] = Field(default_factory=dict)
    topics: Topics = Topics()
    limits: Limits | None = None
    """None for built-in targets, which have none."""
    metrics: Metrics = Metrics()
    cluster: Cluster = Cluster()

    @property
    def built_in(self) -> bool:
        """Whether loadkit starts this cluster itself."""
        return self.kind != "file"

    def at(self, bootstrap: str, **client: Any) -> Target:
        """Return this target reached at other addresses: what a built-in one becomes once it has started.

        Keywords are further client properties with `_` for `.`.
        """
        more = {name.replace("_", "."): value for name, value in client.items()}
        return self.model_copy(update={"client": {**self.client, **more, "bootstrap.servers": bootstrap}})

    def named(self, run_id: str, name: str) -> str:
        """Return the real name of a topic, group or transactional id: `<prefix><run id>.<name>`."""
        full = f"{self.topics.prefix}{run_id}.{name}"
        if len(full) > LONGEST_NAME:
            raise UsageError(
                f"{full!r} has {len(full)} characters, Kafka takes {LONGEST_NAME}: shorten {name!r} or topics.prefix"
            )
        return full

    def layers(self, role: Role) -> list[Layer]:
        """Return the sections of the file that concern a role, the general one first."""
        place = str(self.path or self.text)
        own = "consumer" if role == "share" else role
        section = Layer(f"{place}: [{own}]", getattr(self, own), shared=role == "share")
        return [Layer(f"{place}: [client]", self.client, shared=True), section]

    def client_config(self, role: Role, *more: Layer) -> dict[str, str]:
        """Return the complete librdkafka config of a client of this role, secrets read now.

        Defaults of the role, then [client], then the role's section, then `more` (a class's `config`, say). It holds
        secrets: never print it, see `public`. Raises `TargetFileError` for whatever cannot work.
        """
        for layer in more:
            for name, value in layer.properties.items():
                secrets.refuse_literal(name, value, layer.where, TargetFileError)
        config = effective(role, [*self.layers(role), *more], TargetFileError)
        folder = self.path.parent if self.path else None
        where = str(self.path or self.text)
        resolved = {
            name: secrets.resolve(value, name, where, folder, TargetFileError) for name, value in config.items()
        }
        checked = effective(role, [Layer(where, resolved)], TargetFileError)
        return {"client.id": "loadkit", **{name: self._placed(name, value) for name, value in checked.items()}}

    def _placed(self, name: str, value: str) -> str:
        """Return a path as it lies beside the target file; `ssl.ca.location = "probe"` is no path."""
        if not name.endswith(_PATHS) or value == "probe" or self.path is None:
            return value
        place = self.path.parent / Path(value).expanduser()
        if not place.exists():
            raise TargetFileError(f"{self.path}: {name} names {place}, which does not exist")
        return str(place.resolve())

    def metrics_urls(self) -> tuple[str, ...]:
        """Return the brokers' metrics endpoints, secrets in them read now."""
        where = f"{self.path or self.text}: [metrics]"
        found = (
            secrets.resolve(url, "jmx_exporter", where, None, TargetFileError) for url in self.metrics.jmx_exporter
        )
        return tuple(found)

    def public(self) -> dict[str, Any]:
        """Return what a result keeps of the target: no secret, no place on this machine."""
        shown = self.model_dump(mode="json", exclude={"path", "text"} if self.kind == "file" else {"path"})
        for section in _CLIENTS:
            shown[section] = {name: placeless(name, value) for name, value in shown[section].items()}
        hidden: dict[str, Any] = secrets.MASK.hide(
            {key: value for key, value in shown.items() if value not in ({}, None)}
        )
        return hidden


def placeless(name: str, value: Any) -> Any:
    """Return a value as a result keeps it: of a path only the file's name."""
    return Path(value).name if isinstance(value, str) and name.endswith(_PATHS) else value


def load_target(text: str) -> Target:
    """Return the target called `text`: a built-in name or the path of a TOML file.

    Raises `TargetFileError` naming file, dotted path, nearest valid key and the way out.
    """
    if match := _BUILT_IN.match(text):
        return Target(kind=match[1], text=text, name=text)  # type: ignore[arg-type]
    path = Path(text).expanduser()
    return _parse(_read(text, path), path)


def _read(text: str, path: Path) -> dict[str, Any]:
    if not path.exists():
        raise TargetFileError(
            f"no target file {text!r}{nearest(text, BUILT_IN)}: give the path of a TOML file "
            f"(`loadkit init target` writes one) or a built-in name: {', '.join(BUILT_IN)}"
        )
    try:
        content = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as problem:
        raise TargetFileError(f"{path} is not TOML: {problem}") from None
    except UnicodeDecodeError:
        raise TargetFileError(f"{path} is not UTF-8 text") from None
    except OSError as problem:
        raise TargetFileError(f"{path} cannot be read: {problem.strerror}") from None


def _parse(data: dict[str, Any], path: Path) -> Target:
    keys = ("name", *_CLIENTS, *SECTIONS)
    for key, value in data.items():
        if key not in keys:
            raise TargetFileError(f"{path}: unknown key {key!r}{_belongs(key, value) or nearest(key, keys)}")
        if key != "name" and not isinstance(value, dict):
            raise TargetFileError(f"{path}: {key} is a section: write [{key}] on a line of its own")
    if "limits" not in data:
        raise TargetFileError(
            f"{path} has no [limits], without which loadkit sends nothing to a cluster it did not start. "
            "Add, with your own values:\n" + LIMITS_TO_PASTE
        )
    sections = {key: _flat(data.get(key, {})) for key in _CLIENTS}
    rest = {key: value for key, value in data.items() if key not in _CLIENTS}
    try:
        target = Target(**{"name": path.stem, **rest, **sections, "kind": "file", "text": str(path), "path": path})
    except ValidationError as problem:
        raise TargetFileError("\n".join(_sentence(path, error) for error in problem.errors())) from None
    _check_clients(target)
    return target


def _belongs(key: str, value: object) -> str:
    names = _flat({key: value})
    return ": client properties stand under [client]" if any(name in KNOWN for name in names) else ""


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return dotted names: TOML reads an unquoted `linger.ms = 5` as a table inside a table."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and not (secrets.is_reference(value) and f"{name}.file" not in KNOWN):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _sentence(path: Path, error: Any) -> str:
    """Return one pydantic complaint as a sentence with file, dotted path and nearest key."""
    where = ".".join(str(part) for part in error["loc"])
    model = SECTIONS.get(str(error["loc"][0])) if error["loc"] else None
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key {where!r}{nearest(str(error['loc'][-1]), model.model_fields if model else ())}"
    if error["type"] == "missing" and model is Limits:
        return f"{path}: {where} is missing; all of these are needed:\n{LIMITS_TO_PASTE}"
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{path}: {where}: {text[0].lower() + text[1:] if error['type'] != 'value_error' else text}"


def _check_clients(target: Target) -> None:
    place = str(target.path)
    for section, role in _CLIENTS.items():
        config = getattr(target, section)
        normalise(config, f"{place}: [{section}]", role, TargetFileError)
        for name, value in config.items():
            secrets.refuse_literal(name, value, f"{place}: [{section}]", TargetFileError)
    if "bootstrap.servers" not in normalise(target.client, place, None, TargetFileError):
        raise TargetFileError(f'{place}: [client] needs "bootstrap.servers" = "host:9092,..."')
    roles: tuple[Role, ...] = ("producer", "consumer", "admin")
    for each in roles:
        effective(each, target.layers(each), TargetFileError)
    copies, brokers = target.topics.replication_factor, target.cluster.brokers
    if copies and brokers and copies > brokers:
        raise TargetFileError(f"{place}: topics.replication_factor = {copies} is above cluster.brokers = {brokers}")


def check_limits(target: Target, offered_rate_bytes: float, total_bytes: float | None, partitions: int) -> None:
    """Raise `UsageError` where a run would go beyond the target's [limits], naming the limit and the value it needs.

    `offered_rate_bytes` is the highest rate of the run in bytes/s before compression, `total_bytes` the whole of it
    (None: not known), `partitions` those of all topics together. Built-in targets have no limits.
    """
    if target.limits is None:
        return
    limits = target.limits
    checks: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("max_rate", offered_rate_bytes, limits.max_rate, format_byte_rate),
        ("max_bytes", total_bytes or 0, limits.max_bytes, format_size),
        ("max_partitions", partitions, limits.max_partitions, format_count),
    ]
    for name, wanted, allowed, show in checks:
        if wanted > allowed:
            needed = _enough(wanted) if name != "max_partitions" else str(partitions)
            value = f'"{needed}/s"' if name == "max_rate" else f'"{needed}"' if name == "max_bytes" else needed
            raise UsageError(
                f"this run needs {show(wanted)}, and [limits] of {target.name} allows {name} = {show(allowed)}: "
                f"make the run smaller, or set {name} = {value}"
            )


def _enough(count: float) -> str:
    """Return a size as a target file takes it: whole, never below `count`, and at most a tenth above."""
    for scale, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= 10 * scale:
            return f"{math.ceil(count / scale)}{unit}"
    return f"{math.ceil(count)}B"
