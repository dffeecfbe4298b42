"""User classes: what they may declare, and what stays Locust's and the user's. Locust patches sockets: it runs elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

RUN = """
import json, sys, textwrap
from typing import ClassVar
import locust
from locust import FastHttpUser, HttpUser, User, task
from loadkit import ConsumerUser, Pause, ProducerUser, Topic, Transactions, keys, payloads
from loadkit import users
from loadkit.errors import ScenarioError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload

orders = Topic("orders", partitions=12)
given = {**globals()}

def run(source):
    space = dict(given)
    try:
        exec(textwrap.dedent(source), space)
    except ScenarioError as error:
        return {"refused": str(error)}
    return {"result": space["result"]}

print(json.dumps({name: run(source) for name, source in json.load(sys.stdin).items()}))
"""

CASES = {
    "minimal": """
        class Checkout(ProducerUser):
            topic = orders
        result = [Checkout.workload.name, Checkout.workload.rate, Checkout.fixed_count, len(Checkout.tasks)]
    """,
    "all fields": """
        class Checkout(ProducerUser):
            fixed_count = 4
            topic, rate, arrivals = orders, "20k/s", "poisson"
            key, payload = keys.zipf(1000, exponent=1.1), payloads.json_like(size="1KiB")
            config, transactions = {"linger.ms": 5}, Transactions(messages=10)
        result = [Checkout.workload.rate, Checkout.workload.fixed_count, Checkout.workload.config, Checkout.fixed_count]
    """,
    "typo": """
        class Checkout(ProducerUser):
            topic = orders
            rat = "20k/s"
    """,
    "consumer field in a producer": """
        class Checkout(ProducerUser):
            topic = orders
            group_id = "x"
    """,
    "empty": "class Checkout(ProducerUser): pass",
    "empty abstract": """
        class Base(ProducerUser):
            abstract = True
        result = "workload" in vars(Base)
    """,
    "base class": """
        class Base(ProducerUser):
            abstract = True
            topic, rate = orders, "5k/s"
        class Checkout(Base):
            rate = "7k/s"
        class Refund(Base):
            payload = payloads.constant(size="100B")
        result = [Checkout.workload.rate, Refund.workload.rate, Refund.workload.payload.mean_size(), Checkout.workload.topic.name]
    """,
    "mixin": """
        class Fast:
            rate = "9k/s"
            whatever = 5
        class Checkout(Fast, ProducerUser):
            topic = orders
        class Slow(Fast, ProducerUser):
            topic, rate = orders, "1/s"
        result = [Checkout.workload.rate, Slow.workload.rate]
    """,
    "typo in a base": """
        class Base(ProducerUser):
            abstract = True
            rat = 5
        class Checkout(Base):
            topic = orders
    """,
    "own names": """
        class Checkout(ProducerUser):
            topic = orders
            _seen = 5
            host, weight, wait_time = "http://x", 3, locust.constant(1)
            limit: ClassVar[int] = 7
            fixed_count = 2
            def helper(self): return 1
            @property
            def half(self): return 0.5
            @staticmethod
            def twice(x): return 2 * x
            @classmethod
            def made(cls): return cls()
            class Inner: pass
        result = [Checkout.weight, Checkout.limit, Checkout.twice(4), Checkout.fixed_count]
    """,
    "tasks": """
        class Checkout(ProducerUser):
            topic = orders
            @task(3)
            def look(self): pass
            @task
            def other(self): pass
        class Second(Checkout): pass
        def outside(user): pass
        class Third(ProducerUser):
            topic = orders
            tasks = [outside]
        class Plain(ProducerUser):
            topic = orders
        class Child(Plain):
            @task
            def look(self): pass
        result = [sorted(t.__name__ for t in c.tasks) for c in (Checkout, Second, Third, Plain, Child)]
    """,
    "beside http": """
        class Checkout(ProducerUser, FastHttpUser):
            topic = orders
            host = "http://x"
            @task
            def look(self): self.client.get("/")
        result = [Checkout.workload.topic.name, issubclass(Checkout, FastHttpUser), len(Checkout.tasks)]
    """,
    "start": """
        class Late(ConsumerUser):
            topic = orders
            start = "30s"
        class Later(Late): pass
        class Now(ConsumerUser):
            topic = orders
        result = [Late.workload.late_start, Later.workload.late_start, Now.workload.start, Late.start is User.start]
    """,
    "shadows": """
        fields = {*users.fields_of(ProducerWorkload), *users.fields_of(ConsumerWorkload)}
        result = sorted(f for f in fields if any(hasattr(c, f) or f in getattr(c, "__annotations__", {})
                                                 for c in (User, HttpUser, FastHttpUser)))
    """,
    "wrong value": """
        class Checkout(ProducerUser):
            topic = orders
            rate = "-1/s"
    """,
    "weight alone": """
        class Checkout(ProducerUser):
            topic = orders
            weight = 3
        result = [Checkout.fixed_count, Checkout.weight, Checkout.workload.fixed_count]
    """,
    "pause": """
        class Billing(ConsumerUser):
            topic, group_id, pause = orders, "billing", Pause(at="5s", length="1s")
        result = [Billing.workload.pause.at, Billing.workload.group_id]
    """,
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Return what became of each case, from one process."""
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(CASES), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("case", "result"),
    [
        ("minimal", ["Checkout", 100.0, 1, 1]),
        ("all fields", [20_000.0, 4, {"linger.ms": "5"}, 4]),
        ("empty abstract", False),
        ("base class", [7000.0, 5000.0, 100.0, "orders"]),
        ("pause", [5.0, "billing"]),
        ("weight alone", [0, 3, 1]),
    ],
)
def test_a_class_declares_its_workload(found: dict[str, Any], case: str, result: Any) -> None:
    """The attributes of a class and of its bases are one validated declaration; an abstract class is none."""
    assert found[case] == {"result": result}


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("typo", "Checkout.rat: unknown field (did you mean 'rate'?); valid ones are topic, "),
        ("typo in a base", "Checkout.rat: unknown field (did you mean 'rate'?)"),
        ("consumer field in a producer", "Checkout.group_id: unknown field"),
        ("empty", "Checkout.topic: missing; say topic = Topic("),
        ("wrong value", "Checkout.rate: '-1/s' is not a rate"),
    ],
)
def test_a_wrong_class_is_refused_when_the_file_is_read(found: dict[str, Any], case: str, says: str) -> None:
    """Before any load, with class, field and the nearest valid name."""
    assert found[case]["refused"].startswith(says)


def test_a_plain_class_mixed_in_declares_fields_too(found: dict[str, Any]) -> None:
    """A field set by a mixin is in force, not dropped without a word; its other names are its own business."""
    assert found["mixin"] == {"result": [9000.0, 1.0]}


def test_no_field_shadows_a_name_of_locusts(found: dict[str, Any]) -> None:
    """Of all declared fields only `start` is called like something of Locust's User, HttpUser or FastHttpUser."""
    assert found["shadows"] == {"result": ["start"]}


def test_a_declared_start_leaves_locusts_method_alone(found: dict[str, Any]) -> None:
    """Locust calls `start` to spawn a user: the declaration is set aside, for subclasses as well."""
    assert found["start"] == {"result": [30.0, 30.0, "now", True]}


def test_names_that_are_the_users_or_locusts_are_left_alone(found: dict[str, Any]) -> None:
    """Underscored names, functions, properties, nested classes, ClassVars and Locust's own attributes are no fields."""
    assert found["own names"] == {"result": [3, 7, 8, 2]}


def test_tasks_still_work_beside_a_workload(found: dict[str, Any]) -> None:
    """Tasks of the user's run as Locust weighs them; only a class without any gets one that rests."""
    looks = ["look", "look", "look", "other"]
    assert found["tasks"] == {"result": [looks, looks, ["outside"], ["_rest"], ["look"]]}


def test_a_class_may_speak_http_beside_kafka(found: dict[str, Any]) -> None:
    """A producer that is also a FastHttpUser keeps its tasks and its client."""
    assert found["beside http"] == {"result": ["orders", True, 1]}
