"""Offsets are asked for again while a partition's leader moves."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import confluent_kafka as ck
import pytest

from loadkit.errors import TargetError
from loadkit.targets import admin


class Client:
    """Answers with the given codes first, then with the offset 7."""

    def __init__(self, *codes: int) -> None:
        self.codes = deque(codes)

    def list_offsets(self, asked: dict[Any, Any], **_: Any) -> dict[Any, Future[Any]]:
        """Return one answered future for each partition."""
        futures: dict[Any, Future[Any]] = {place: Future() for place in asked}
        for future in futures.values():
            if self.codes:
                future.set_exception(ck.KafkaException(ck.KafkaError(self.codes.popleft())))
            else:
                future.set_result(SimpleNamespace(offset=7))
        return futures


def connection(client: Client) -> Any:
    """Return what the functions need of a connection."""
    return SimpleNamespace(client=client, errors=deque(), timeout=0.5, partitions={"orders": (0, 1)})


def test_a_leader_that_moves_is_asked_again() -> None:
    """These codes pass; a broker that stood still for seconds gives them for a moment."""
    client = Client(ck.KafkaError.FENCED_LEADER_EPOCH, ck.KafkaError.LEADER_NOT_AVAILABLE)
    assert admin.end_offsets(connection(client), "orders") == {0: 7, 1: 7}


@pytest.mark.parametrize(
    ("code", "times"), [(ck.KafkaError.TOPIC_AUTHORIZATION_FAILED, 1), (ck.KafkaError._NOENT, 100)]
)
def test_what_does_not_pass_is_said(code: int, times: int) -> None:
    """A refusal at once, a leader that stays away after the time limit."""
    with pytest.raises(TargetError, match="offsets of orders"):
        admin.end_offsets(connection(Client(*[code] * times)), "orders")
