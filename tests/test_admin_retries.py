"""What passes is asked for again: a partition's leader moves, a broker hears of a new topic after the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import pytest

from loadkit.errors import TargetError, TopicError
from loadkit.targets import admin
from loadkit.targets.connection import awaited
from loadkit.targets.kafka import FATAL, KafkaProducer
from loadkit.targets.kafka_consumer import KafkaConsumer
from loadkit.targets.lane import Failure


class Client:
    """Answers with the given codes first, then with the offset 7, a topic of one partition, or its properties."""

    def __init__(self, *codes: int) -> None:
        self.codes = deque(codes)

    def list_offsets(self, asked: dict[Any, Any], **_: Any) -> dict[Any, Future[Any]]:
        """Return one answered future for each partition."""
        return self._answer(asked, SimpleNamespace(offset=7))

    def list_topics(self, topic: str, **_: Any) -> None:
        """Do nothing: what is known of leaders is not looked at."""

    def describe_topics(self, asked: Any, **_: Any) -> dict[str, Future[Any]]:
        """Return the same for each topic."""
        node = SimpleNamespace(id=1)
        part = SimpleNamespace(id=0, leader=node, replicas=[node], isr=[node])
        return self._answer(asked.topic_names, SimpleNamespace(partitions=[part]))

    def describe_configs(self, asked: list[Any], **_: Any) -> dict[Any, Future[Any]]:
        """Return the same for each resource."""
        return self._answer(asked, {"x": SimpleNamespace(name="retention.ms", value="5", is_sensitive=False)})

    def _answer(self, asked: Iterable[Any], result: Any) -> dict[Any, Future[Any]]:
        futures: dict[Any, Future[Any]] = {each: Future() for each in asked}
        for future in futures.values():
            if self.codes:
                future.set_exception(ck.KafkaException(ck.KafkaError(self.codes.popleft())))
            else:
                future.set_result(result)
        return futures


class Said:
    """An error that a callback brought."""

    def __init__(self, text: str) -> None:
        self._text = text

    def name(self) -> str:
        """Return its code's name."""
        return "_AUTHENTICATION"

    def str(self) -> str:
        """Return the library's words."""
        return self._text


LOST = "b1/1: SASL OAUTHBEARER mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)"
WRONG = "b1/1: SASL authentication error: Authentication failed: Invalid username or password"


@pytest.mark.parametrize(("before", "meanwhile"), [("", LOST), (WRONG, "")])
def test_a_login_that_was_lost_or_failed_before_ends_no_wait(before: str, meanwhile: str) -> None:
    """A session that ends on a busy broker may lose its connection in the login; the next one is let in."""
    answer: Future[int] = Future()
    errors = deque([Said(before)] if before else [])

    def poll(_: float) -> None:
        if meanwhile:
            errors.append(Said(meanwhile))
        answer.set_result(7)

    client = SimpleNamespace(poll=poll)
    assert awaited(client, answer, errors, 0.5, doing="asking", subject="orders") == 7


def test_a_login_that_fails_later_may_pass_the_next_time() -> None:
    """A token that was over is renewed; where it is not, what was said is told in the end."""
    answers: list[Future[int]] = [Future(), Future()]

    def poll(errors: deque[Any], answer: Future[int], result: int | None) -> None:
        errors.append(Said('b1/1: SASL authentication error: {"status":"invalid_token"}'))
        if len(errors) == 3 and result is None:
            answer.set_exception(ck.KafkaException(ck.KafkaError(ck.KafkaError._TIMED_OUT)))
        elif len(errors) == 3:
            answer.set_result(result)

    for answer, result in zip(answers, (7, None), strict=True):
        heard: deque[Any] = deque()
        client = SimpleNamespace(poll=lambda _, use=(heard, answer, result): poll(*use))
        if result:
            assert awaited(client, answer, heard, 0.5, doing="asking", subject="b1:1", let_in=True) == result
        else:
            with pytest.raises(TargetError, match="asking: the brokers refuse the token"):
                awaited(client, answer, heard, 0.5, doing="asking", subject="b1:1", let_in=True)


def test_a_login_that_fails_ends_the_wait_at_once() -> None:
    """Waiting longer is of no use."""
    errors: deque[Any] = deque()
    client = SimpleNamespace(poll=lambda _: errors.append(Said(WRONG)))
    with pytest.raises(TargetError, match="asking: authentication failed"):
        awaited(client, Future(), errors, 60.0, doing="asking", subject="orders")


def connection(client: Client, *made: str) -> Any:
    """Return what the functions need of a connection; `made` are topics that it made."""
    return SimpleNamespace(client=client, errors=deque(), timeout=0.5, partitions={"orders": (0, 1)}, made=set(made))


def test_a_leader_that_moves_is_asked_again() -> None:
    """These codes pass; a broker that stood still for seconds gives them for a moment."""
    client = Client(ck.KafkaError.FENCED_LEADER_EPOCH, ck.KafkaError.LEADER_NOT_AVAILABLE)
    assert admin.end_offsets(connection(client), "orders") == {0: 7, 1: 7}


class Remembering(Client):
    """As librdkafka: sends the leader's epoch that it last heard of, until it is made to ask for metadata."""

    def __init__(self) -> None:
        super().__init__()
        self.codes.extend([ck.KafkaError.FENCED_LEADER_EPOCH] * 1000)

    def list_topics(self, topic: str, **_: Any) -> None:
        """Learn the epoch of a topic's leaders."""
        assert topic == "orders"
        self.codes.clear()


def test_a_client_that_remembers_an_old_leader_is_made_to_ask_who_leads() -> None:
    """Asking again alone was refused until the time was over, and a whole run's verdict with it."""
    assert admin.end_offsets(connection(Remembering()), "orders") == {0: 7, 1: 7}


@pytest.mark.parametrize(
    ("code", "times"), [(ck.KafkaError.TOPIC_AUTHORIZATION_FAILED, 1), (ck.KafkaError._NOENT, 100)]
)
def test_what_does_not_pass_is_said(code: int, times: int) -> None:
    """A refusal at once, a leader that stays away after the time limit."""
    with pytest.raises(TargetError, match="offsets of orders"):
        admin.end_offsets(connection(Client(*[code] * times)), "orders")


UNKNOWN = ck.KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_that_was_made_is_asked_for_again() -> None:
    """A broker that has just come back hears of a new topic after the one that made it."""
    here = connection(Client(UNKNOWN, UNKNOWN), "orders")
    assert [part.leader for part in admin.describe_topics(here, ["orders"])["orders"]] == [1]
    assert admin.topic_configs(connection(Client(UNKNOWN), "orders"), "orders") == {"retention.ms": "5"}
    assert admin.end_offsets(connection(Client(UNKNOWN), "orders"), "orders") == {0: 7, 1: 7}


def test_a_topic_that_others_made_is_missing_at_once() -> None:
    """Waiting would not bring it."""
    client = Client(UNKNOWN, UNKNOWN)
    with pytest.raises(TopicError, match="does not exist"):
        admin.describe_topics(connection(client, "orders"), ["orders", "another"])
    assert not client.codes


class Producer:
    """Knows its topic from the third time on."""

    def __init__(self) -> None:
        self.asked = 0

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Return what a broker knows of a topic."""
        self.asked += 1
        error = ck.KafkaError(UNKNOWN) if self.asked < 3 else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error)})


class Consumer:
    """Is told twice that there is no such topic, then gets its partitions."""

    def __init__(self) -> None:
        self.asked = 0

    def subscribe(self, topics: list[str], on_assign: Any) -> None:
        """Take who wants to know."""
        self.assign = on_assign

    def consume(self, most: int, timeout: float) -> list[Any]:
        """Return the error, or nothing once there is an assignment."""
        self.asked += 1
        if self.asked < 3:
            return [SimpleNamespace(error=lambda: ck.KafkaError(UNKNOWN))]
        self.assign(self, [])
        return []


def lanes() -> list[Any]:
    """Return a producer and a consumer whose clients learn of the topic a little later."""
    config = {"bootstrap.servers": "127.0.0.1:1"}
    producer = KafkaProducer(config, "orders", "binary")
    consumer = KafkaConsumer({**config, "group.id": "billing"}, "orders", "binary", 1)
    producer._producer, consumer._consumer = Producer(), Consumer()
    return [producer, consumer]


@pytest.mark.parametrize("which", [0, 1], ids=["producer", "consumer"])
def test_a_client_waits_until_its_broker_knows_the_topic(which: int) -> None:
    """The topic was there when the run began; after the time limit it is said to be missing."""
    lanes()[which].connect(5.0)
    with pytest.raises(TopicError, match="'orders' does not exist"):
        lanes()[which].connect(0.0)


def test_a_right_to_write_that_is_missing_is_said_by_either_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idempotent producer's poll raises it: what it cannot do without is fatal."""
    producer = lanes()[0]

    def poll(_: float) -> None:
        raise ck.KafkaException(ck.KafkaError(ck.KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no PID", fatal=True))

    monkeypatch.setattr(Producer, "__len__", lambda self: 1, raising=False)
    producer._poll, producer._produce = poll, lambda *_, **__: None
    producer.prepare = lambda _: SimpleNamespace(keys=None, values=[b"x"])
    with pytest.raises(TargetError, match="producer of orders: not authorised to write idempotently"):
        producer.prime(None, 1, 5.0)


def test_the_reason_is_waited_for_when_the_messages_fail_of_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in a client that can do nothing more may come back before the reason is told."""
    producer = lanes()[0]
    waiting = deque([FATAL, ck.KafkaError.CLUSTER_AUTHORIZATION_FAILED])

    def poll(_: float) -> None:
        if (told := waiting.popleft()) != FATAL:
            raise ck.KafkaException(ck.KafkaError(told, "no PID", fatal=True))
        producer._failures.append(Failure(0, FATAL, 0))

    monkeypatch.setattr(Producer, "__len__", lambda self: len(waiting) - 1, raising=False)
    producer._poll, producer._produce = poll, lambda *_, **__: None
    producer.prepare = lambda _: SimpleNamespace(keys=None, values=[b"x"])
    with pytest.raises(TargetError, match="producer of orders: not authorised to write idempotently"):
        producer.prime(None, 1, 5.0)


def test_a_group_that_gives_no_partitions_in_time_says_how_long_was_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has refused anything, so there is only the time to tell."""
    _, lane = lanes()
    monkeypatch.setattr(lane._consumer, "consume", lambda most, timeout: [])
    with pytest.raises(TargetError, match=r"consumer of orders: no answer from the cluster in time \(0 s\)"):
        lane.connect(0.0)
