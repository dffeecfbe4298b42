"""Losses forced: what a leader alone holds is confirmed (acks=1), and then the leader dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import confluent_kafka as ck

from loadkit.errors import TargetError
from loadkit.targets import admin
from trust.integrity.disturb import Disturbance, Stage, await_whole, elect

ALONE = 4.0
"""Seconds in which the leader confirms what nobody else holds."""
BEFORE = 6.0
"""Seconds of calm before it."""
_ELECTED = 40.0
_FENCED = 12.0
"""Seconds after which brokers have noticed that one is gone; their session timeout is 9 s."""


def stopped(leader: int) -> Disturbance:
    """Return: both followers stand still, the leader confirms alone and is killed, and a follower takes its place.

    The controller still counts the followers in sync, so it takes this for a clean election; with acks=1 it is none.
    """

    def force(stage: Stage) -> None:
        time.sleep(BEFORE)
        followers = [index for index in range(stage.cluster.spec.nodes) if index != leader]
        for index in followers:
            stage.cluster.pause_node(index)
        time.sleep(ALONE)
        stage.cluster.kill_node(leader)
        for index in followers:
            stage.cluster.resume_node(index)
        _come_back(stage, leader)

    return force


def unclean(leader: int) -> Disturbance:
    """Return: of two replicas the follower stands still until it is out of sync, the leader confirms alone and is
    killed, and the follower, back again, is elected uncleanly.
    """

    def force(stage: Stage) -> None:
        follower = (leader + 1) % stage.cluster.spec.nodes
        time.sleep(BEFORE)
        stage.cluster.pause_node(follower)
        _until(stage, lambda parts: all(follower + 1 not in part.in_sync for part in parts), "out of sync")
        time.sleep(ALONE)
        stage.cluster.kill_node(leader)
        stage.cluster.resume_node(follower)
        _come_back(stage, leader)

    return force


def _come_back(stage: Stage, leader: int) -> None:
    """Return when the killed leader is back, after others have taken its place and gone on without it."""
    time.sleep(_FENCED)
    if not _led(stage):
        numbers = range(len(admin.describe_topics(stage.connection(), [stage.topic])[stage.topic]))
        elect(stage.connection(), stage.topic, list(numbers), ck.ElectionType.UNCLEAN)
        stage.did["unclean elections asked for"] += 1
        _until(stage, lambda parts: all(part.leader is not None for part in parts), "led")
    time.sleep(ALONE)
    stage.cluster.start_node(leader)
    await_whole(stage.cluster)
    stage.did["leaders killed"] += 1


def _led(stage: Stage) -> bool:
    with suppress(RuntimeError):
        _until(stage, lambda parts: all(part.leader is not None for part in parts), "led", 5.0)
        return True
    return False


def _until(
    stage: Stage, true: Callable[[tuple[admin.Partition, ...]], bool], what: str, patience: float = _ELECTED
) -> None:
    """Return when something holds of the topic's partitions; the broker that is asked may be one that stands still."""
    limit = time.monotonic() + patience
    while True:
        with suppress(TargetError):
            if true(admin.describe_topics(stage.connection(3.0), [stage.topic])[stage.topic]):
                return
        if time.monotonic() > limit:
            raise RuntimeError(f"partitions of {stage.topic} were not {what} within {patience:.0f} s")
        time.sleep(0.3)
