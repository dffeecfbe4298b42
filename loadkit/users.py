"""ProducerUser and ConsumerUser: Locust user classes whose attributes declare a workload.

With `swarm*.py` the only code that imports Locust. A user itself does nothing a second time: it joins the
load loop when it starts and leaves it when it stops, and the loop does the work in a native thread.
"""

from __future__ import annotations

import types
from typing import Any, ClassVar

import gevent
import locust
from locust import FastHttpUser, HttpUser, User

from loadkit.errors import ScenarioError, nearest
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, declare

_LOCUST = frozenset({*dir(User), *dir(HttpUser), *dir(FastHttpUser), *HttpUser.__annotations__, *User.__annotations__})
"""Names that are Locust's: never a field of ours, and the user's to set."""
_METHODS = frozenset({"start"})
"""Fields that are called like a method of Locust's."""
_OWN = frozenset({"workload", "workload_model"})
_CODE = (types.FunctionType, classmethod, staticmethod, property, type)


def fields_of(model: type[Any]) -> list[str]:
    """Return the fields of a workload that a class may declare."""
    return [field for field in model.model_fields if field not in ("name", "fixed_count")]


def _rest(user: User) -> None:
    """Be the task of a user that has none of its own."""
    gevent.sleep(1)


class _KafkaUser(User):
    """What producing and consuming users share."""

    abstract = True
    workload_model: ClassVar[type[Any]]
    workload: ClassVar[Any]
    """The validated declaration."""
    wait_time = locust.constant(0)
    _set_aside: ClassVar[dict[str, Any]] = {}
    """Declared fields that bear the name of a method of Locust's, which must stay to be called."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Read the declaration; ScenarioError names what is wrong with it."""
        super().__init_subclass__(**kwargs)
        cls._set_aside = {**cls._set_aside, **{name: vars(cls)[name] for name in _METHODS if name in vars(cls)}}
        for name in _METHODS & vars(cls).keys():
            delattr(cls, name)
        tasks = [task for task in cls.tasks if task is not _rest]
        cls.tasks = tasks or [_rest]
        if "abstract" not in vars(cls) or not cls.abstract:
            cls.workload = declare(cls.workload_model, cls.__name__, _declared(cls))
            cls.fixed_count = 0 if _by_weight(cls) else cls.workload.fixed_count

    def on_start(self) -> None:
        """Connect and join the load loop; whatever goes wrong ends the run."""
        self.environment.loadkit.joined(self)

    def on_stop(self) -> None:
        """Leave the load loop."""
        self.environment.loadkit.left(self)


def _by_weight(cls: type[User]) -> bool:
    """Return whether a class leaves the number of its users to Locust: it has a weight and no `fixed_count`."""
    return not cls.fixed_count and any("weight" in vars(base) for base in cls.__mro__ if base is not User)


def _declared(cls: type[_KafkaUser]) -> dict[str, Any]:
    """Return the fields that a class and its bases set; refuse names that are nobody's."""
    known, found = fields_of(cls.workload_model), {"name": cls.__name__, **cls._set_aside}
    for base in reversed(cls.__mro__):
        if base.__module__ == __name__:
            continue
        ours = issubclass(base, _KafkaUser)  # a plain class mixed in may declare fields too, and anything else besides
        for name, value in vars(base).items():
            if name in known and base.__module__.partition(".")[0] != "locust":
                found[name] = value
            elif ours and not _users_own(base, name, value):
                raise ScenarioError(
                    f"{cls.__name__}.{name}: unknown field{nearest(name, known)}; valid ones are {', '.join(known)}"
                )
    if cls.fixed_count:
        found["fixed_count"] = cls.fixed_count
    if "topic" not in found:
        raise ScenarioError(f'{cls.__name__}.topic: missing; say topic = Topic("name", partitions=6)')
    return found


def _users_own(base: type, name: str, value: Any) -> bool:
    class_var = "ClassVar" in str(vars(base).get("__annotations__", {}).get(name, ""))
    return name.startswith("_") or name in _LOCUST or name in _OWN or class_var or isinstance(value, _CODE)


class ProducerUser(_KafkaUser):
    """A producer that sends its share of the class's rate, on schedule."""

    abstract = True
    workload_model = ProducerWorkload


class ConsumerUser(_KafkaUser):
    """A member of a consumer group."""

    abstract = True
    workload_model = ConsumerWorkload
