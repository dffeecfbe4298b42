"""What a Locust file declares: topics, producing and consuming workloads, and dotted paths into them.

Models are frozen and refuse unknown fields, so a wrong declaration fails before any load, naming the
path and the nearest valid field. `with_value` is how `--set` and sweeps move one value.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from loadkit.errors import ScenarioError, nearest
from loadkit.keys import AnyKeys
from loadkit.payloads import AnyPayload
from loadkit.shapes import AnyShape, Constant
from loadkit.units import Rate, Seconds, parse_duration


def _property_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise ValueError(f"{value!r} is not a property value: write text, a number, True or False")


Text = Annotated[str, BeforeValidator(_property_text)]
Properties = dict[str, Text]
"""Kafka properties as text, as librdkafka and Kafka take them: True is `true`, 5 is `5`."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Topic(_Declared):
    """A topic of the scenario; its real name carries the target's prefix and the run id unless `existing`."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")
    partitions: int = Field(6, ge=1, le=200_000)
    config: Properties = {}
    """Topic properties, such as `retention.ms`."""
    existing: bool = False
    """Use this topic as it is: never created, changed or deleted; the target must allow it."""

    def __init__(self, name: str | None = None, /, **fields: Any) -> None:
        super().__init__(**({"name": name} if name is not None else {}), **fields)


class Transactions(_Declared):
    """Messages are sent in transactions that end after `messages` or `interval`, whichever is first."""

    messages: int = Field(1000, ge=1)
    interval: Annotated[Seconds, Field(gt=0)] = 0.1
    abort: float = Field(0.0, ge=0, le=1)
    """The share of transactions that are aborted, seeded."""


class Pause(_Declared):
    """A consumer stops fetching `at` seconds into the measured phase, for `length` seconds."""

    at: Seconds
    length: Annotated[Seconds, Field(gt=0)]


def _start(value: Any) -> Any:
    if value in ("now", "earliest"):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a start: write 'now', 'earliest', or a delay like '30s'") from None


class _Workload(_Declared):
    name: str
    """The user class's name."""
    topic: Topic
    fixed_count: int = Field(1, ge=1, le=10_000)
    config: Properties = {}
    lane: Literal["auto", "standard", "fast"] = "auto"
    """How the client library is called: `fast` by whole batches, `standard` by single messages, or `auto`."""


class ProducerWorkload(_Workload):
    """What one producing class does; the rate is the class's, shared by all its users."""

    rate: Rate = 100.0
    shape: AnyShape = Constant()
    arrivals: Literal["even", "poisson"] = "even"
    key: AnyKeys = Field(default="none", validate_default=True)
    payload: AnyPayload = Field(default="json_like(size='1KiB')", validate_default=True)
    headers: dict[str, str] = {}
    transactions: Transactions | None = None
    stamp: Literal["value", "header"] | None = None
    """Where the stamp goes; None: the payload's own choice."""
    tombstones: float = Field(0.0, ge=0, le=1)
    """The share of messages with a key and no value; they are stamped in a header."""

    @property
    def mean_size(self) -> int:
        """The expected bytes of a value; 1 KiB where only the payload's file could tell."""
        return int(self.payload.mean_size() or 1024)


class ConsumerWorkload(_Workload):
    """What one consuming class does; its users form the group `group_id`."""

    group_id: str = Field(default="", max_length=200, pattern=r"^[A-Za-z0-9._-]*$")
    """Empty: the class's name. The real id carries the target's prefix and the run id."""
    protocol: Literal["classic", "consumer", "share"] = "classic"
    process_time: Seconds = 0.0
    """Seconds one message keeps the consumer busy."""
    poll_size: int = Field(1000, ge=1, le=100_000)
    commit: Literal["auto", "poll", "none"] = "auto"
    """`auto`: the client's own; `poll`: after each poll, its latency recorded as `commit`."""
    pause: Pause | None = None
    start: Annotated[Literal["now", "earliest"] | float, BeforeValidator(_start)] = "now"
    """`now`, `earliest`, or a delay in seconds after which it reads from the earliest."""

    @property
    def late_start(self) -> float:
        """Seconds into the measured phase at which the consumers join; 0: before the schedule."""
        return self.start if isinstance(self.start, float) else 0.0


Workload = ProducerWorkload | ConsumerWorkload
Declared = TypeVar("Declared", bound=BaseModel)


class Scenario(_Declared):
    """All workloads of one Locust file."""

    name: str
    description: str = ""
    seed: int = 1
    producers: tuple[ProducerWorkload, ...] = ()
    consumers: tuple[ConsumerWorkload, ...] = ()

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Every workload, producers first."""
        return (*self.producers, *self.consumers)

    @property
    def topics(self) -> dict[str, Topic]:
        """The topics by name."""
        return {workload.topic.name: workload.topic for workload in self.workloads}

    def workload(self, name: str) -> Workload:
        """Return the workload of a class; ScenarioError naming the nearest when there is none."""
        for found in self.workloads:
            if found.name == name:
                return found
        raise ScenarioError(f"no class {name!r}{nearest(name, [w.name for w in self.workloads])}")


def declare(model: type[Declared], place: str, fields: Mapping[str, Any]) -> Declared:
    """Return `model` made of `fields`; ScenarioError naming `place.field` and the nearest valid one."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise ScenarioError("\n".join(_sentence(dict(e), model, place) for e in error.errors())) from None


def _sentence(item: Mapping[str, Any], model: type[BaseModel], place: str) -> str:
    path = ".".join([place, *(str(part) for part in item["loc"])])
    if item["type"] == "extra_forbidden":
        known = [field for field in _model_at(model, item["loc"][:-1]).model_fields if field not in ("name", "kind")]
        word = str(item["loc"][-1])
        return f"{path}: unknown field{nearest(word, known)}; valid ones are {', '.join(known)}"
    return f"{path}: {str(item['msg']).removeprefix('Value error, ')}"


def _model_at(model: type[BaseModel], loc: Iterable[Any]) -> type[BaseModel]:
    """Return the declaration that stands at a place within another; the outer one where that cannot be told."""
    for part in loc:
        field = model.model_fields.get(str(part))
        inner = [held for held in _held(field.annotation) if held] if field else []
        if len(inner) != 1:
            return model
        model = inner[0]
    return model


def _held(annotation: Any) -> Iterable[type[BaseModel]]:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def check(scenario: Scenario) -> Scenario:
    """Return the scenario if it can be run at all; ScenarioError saying what is missing otherwise."""
    if not scenario.workloads:
        raise ScenarioError(
            f"{scenario.name}: no ProducerUser or ConsumerUser class in it; "
            "declare one, or see `loadkit init scenario` for an example"
        )
    by_name: dict[str, Topic] = {}
    for workload in scenario.workloads:
        first = by_name.setdefault(workload.topic.name, workload.topic)
        if first != workload.topic:
            raise ScenarioError(
                f"{workload.name}.topic: topic {first.name!r} is declared twice with different settings; "
                "declare it once"
            )
    return scenario


Applies = Callable[[str, str], bool]
"""Says whether a bare property is one of a role: `applies('producer' | 'consumer' | 'topic', name)`."""


def with_value(scenario: Scenario, path: str, value: Any, applies: Applies, properties: Iterable[str] = ()) -> Scenario:
    """Return the scenario with one dotted path set.

    `Checkout.rate`, `Checkout.payload.size`, `Checkout.config.linger.ms`, `orders.partitions`,
    `orders.config.retention.ms`, `seed`, or a bare client or topic property (`linger.ms`), which
    every workload or topic that takes it gets. ScenarioError names the nearest path, or the nearest of the
    `properties` there are, otherwise.
    """
    if path == "seed":
        return declare(Scenario, scenario.name, {**_fields(scenario), "seed": value})
    head, _, rest = path.partition(".")
    workload = next((w for w in scenario.workloads if rest and w.name == head), None)
    if workload and not rest.startswith("topic."):
        return _replace(scenario, head, lambda w: _set(w, path, rest, value))
    if workload:  # a topic may be other classes' too: it changes for all of them
        head, rest = workload.topic.name, rest.removeprefix("topic.")
    else:
        head = _topic_before(scenario, path)
        rest = path.removeprefix(f"{head}.")
    if head:
        return _replace_topic(scenario, head, _set(scenario.topics[head], path, rest, value))
    return _set_property(scenario, path, value, applies, properties)


def _topic_before(scenario: Scenario, path: str) -> str:
    """Return the longest topic name before a dot in `path`, or nothing: a topic's name may hold dots itself."""
    return max((name for name in scenario.topics if path.startswith(f"{name}.")), key=len, default="")


def _set_property(scenario: Scenario, name: str, value: Any, applies: Applies, properties: Iterable[str]) -> Scenario:
    changed = scenario
    for role, workloads in (("producer", scenario.producers), ("consumer", scenario.consumers)):
        if applies(role, name):
            for workload in workloads:
                changed = _replace(changed, workload.name, lambda w: _set(w, name, f"config.{name}", value))
    if changed is scenario and applies("topic", name):
        for topic in scenario.topics.values():
            changed = _replace_topic(changed, topic.name, _set(topic, name, f"config.{name}", value))
    if changed is not scenario:
        return changed
    if applies("producer", name) or applies("consumer", name):
        raise ScenarioError(f"{name}: no workload of this scenario takes it")
    raise ScenarioError(f"{name}: no such class, topic or property{nearest(name, [*properties, *paths(scenario)])}")


def paths(scenario: Scenario) -> list[str]:
    """Return every dotted path of the scenario's own fields."""
    found = [f"{w.name}.{field}" for w in scenario.workloads for field in type(w).model_fields if field != "name"]
    return [*found, *(f"{t}.{f}" for t in scenario.topics for f in ("partitions", "config", "existing")), "seed"]


def _fields(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _set(model: Declared, path: str, rest: str, value: Any) -> Declared:
    """Return `model` with the field at `rest` replaced; nested declarations are validated again."""
    field, _, deeper = rest.partition(".")
    known = [name for name in type(model).model_fields if name not in ("name", "kind")]
    if field not in known:
        raise ScenarioError(f"{path}: unknown field{nearest(field, known)}; valid ones are {', '.join(known)}")
    fields, place = _fields(model), path.removesuffix(f".{rest}")
    if deeper and field in ("config", "headers"):
        fields[field] = {**fields[field], deeper: value}
    elif deeper:
        if not isinstance(fields[field], BaseModel):
            raise ScenarioError(f"{path}: {field} has no fields of its own; set {place}.{field} as a whole")
        fields[field] = _set(fields[field], path, deeper, value)
    else:
        fields[field] = value
    return declare(type(model), place, fields)


def _replace(scenario: Scenario, name: str, change: Callable[[Any], Any]) -> Scenario:
    def each(workloads: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(change(w) if w.name == name else w for w in workloads)

    return scenario.model_copy(update={"producers": each(scenario.producers), "consumers": each(scenario.consumers)})


def _replace_topic(scenario: Scenario, name: str, topic: Topic) -> Scenario:
    def each(workloads: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(w.model_copy(update={"topic": topic}) if w.topic.name == name else w for w in workloads)

    return scenario.model_copy(update={"producers": each(scenario.producers), "consumers": each(scenario.consumers)})


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return (path, value) of `PATH=VALUE`; numbers, True, None and lists are Python's, the rest is text."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ScenarioError(f"--set {text!r}: write PATH=VALUE, like Checkout.rate=20k/s")
    try:
        return path.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, TypeError):
        lowered = {"true": True, "false": False, "null": None}
        return path.strip(), lowered.get(value.strip(), value.strip())
