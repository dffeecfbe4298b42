"""What is planted where, and how: each case delays one stage of a real Kafka on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench.process import beside
from loadkit.targets import admin, embedded
from loadkit.targets.embedded import EmbeddedCluster
from trust.proxy.behaviour import Behaviour

ONE = "embedded?num.io.threads=1"
"""One request thread, so that it can be kept busy; the other cases hardly need it."""
THREE = "embedded:3?replica.fetch.min.bytes=1000000&replica.fetch.wait.max.ms=400"
"""Followers that ask their leader to wait until there is a megabyte, or 400 ms have passed."""
DELAY = 0.25
"""Seconds by which a proxy holds each response back: delays are long, so that they outdo what a busy machine adds."""
QUOTA = 450_000
"""Bytes a second a client may send: an eighth less than it is asked to."""

Place = Iterator[str]
"""A context in which the load runs; it gives the address that the load is to use."""


def pause(pid: int, seconds: float = 0.6, every: float = 1.5) -> None:
    """Hold a process by SIGSTOP for a part of the coming stretch of time."""
    time.sleep(every - seconds)
    try:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def plain(cluster: EmbeddedCluster) -> Place:
    """Plant nothing outside of the load's own settings."""
    yield cluster.bootstrap


@contextmanager
def far(cluster: EmbeddedCluster) -> Place:
    """Put a proxy before the broker that holds each response back."""
    with beside([sys.executable, "-m", "trust.proxy", os.devnull, str(Behaviour(DELAY)), _port(cluster)]) as proxy:
        yield _address(proxy)


@contextmanager
def narrow(cluster: EmbeddedCluster) -> Place:
    """Put a proxy before the broker that stops reading now and then."""
    with beside([sys.executable, "-m", "trust.stages.narrow", _port(cluster)]) as proxy:
        yield _address(proxy)


@contextmanager
def quota(cluster: EmbeddedCluster) -> Place:
    """Give every client a quota of bytes a second."""
    try:
        _quota(cluster, "--add-config", f"producer_byte_rate={QUOTA}")
        yield cluster.bootstrap
    finally:
        _quota(cluster, "--delete-config", "producer_byte_rate")


@contextmanager
def hogged(cluster: EmbeddedCluster) -> Place:
    """Have another client keep the broker's only request thread busy."""
    topic, connection = "hog", admin.connect({"bootstrap.servers": cluster.bootstrap})
    config = {"compression.type": "gzip", "retention.bytes": str(1 << 28)}
    admin.create_topics(connection, [admin.TopicPlan(topic, 1, 1, config)])
    try:
        with beside([sys.executable, "-m", "trust.stages.hog", cluster.bootstrap, topic]) as hog:
            assert hog.stdout
            hog.stdout.readline()
            yield cluster.bootstrap
    finally:
        admin.delete_topics(connection, [topic])


@dataclass(frozen=True, slots=True)
class Case:
    """One planted delay."""

    name: str
    stage: str
    """The stage that is delayed; empty where nothing is planted, which is judged by nobody."""
    how: str
    sets: tuple[str, ...] = ()
    place: Callable[[EmbeddedCluster], AbstractContextManager[str]] = plain
    pauses: str = ""
    """Who is held by SIGSTOP for 0.6 s of each 1.5 s: "generator", "broker" or nobody."""
    cluster: str = ONE


CASES = (
    Case("nothing", "", "nothing is planted"),
    Case("late generator", "send delay", "the generator is stopped for 0.6 s of each 1.5 s", pauses="generator"),
    Case("linger", "client queue", "linger.ms=500", ("linger.ms=500",)),
    Case("narrow way", "send buffer", "a proxy with a receive buffer of 4 KiB reads nothing for 0.6 s of each 1.5 s, "
         "under batches of 100 KiB", ("Clock.rate=1k/s", "linger.ms=100", "batch.size=131072",
                                     "socket.send.buffer.bytes=4096"), narrow),
    Case("far broker", "network", "a proxy holds each response back by 250 ms", ("linger.ms=10",), far),
    Case("one request at a time", "network", "the same proxy, and one request in flight: messages queue for it",
         ("linger.ms=0", "max.in.flight.requests.per.connection=1"), far),
    Case("stopped broker", "network", "the broker is stopped for 0.6 s of each 1.5 s, and so is its clock",
         pauses="broker"),
    Case("quota", "throttle", "a quota of 450,000 B/s for 512,000 B/s of load", place=quota),
    Case("busy request thread", "broker queue", "another client's batches, four at a time, which the broker "
         "recompresses, keep its one request thread busy", place=hogged),
    Case("costly batches", "broker local", "the topic is gzip at level 9: the leader recompresses each batch, one at a "
         "time", ("Clock.rate=8k/s", "linger.ms=1", "batch.size=1000000", "max.in.flight.requests.per.connection=1",
                  "ticks.config.compression.type=gzip", "ticks.config.compression.gzip.level=9")),
    Case("slow followers", "broker remote", "followers fetch after 400 ms (acks=all, three replicas)", cluster=THREE),
)  # fmt: skip
QUICK = ("linger", "far broker")
"""Cases of a short look."""
NOT_PLANTED = {
    "broker response": "a produce response is a few dozen bytes, which no reader can hold up, and a network thread is "
    "kept busy by nothing that leaves the request thread idle"
}


def _port(cluster: EmbeddedCluster) -> str:
    return cluster.bootstrap.rpartition(":")[2]


def _address(proxy: subprocess.Popen[str]) -> str:
    assert proxy.stdout
    return f"127.0.0.1:{int(proxy.stdout.readline())}"


def _quota(cluster: EmbeddedCluster, *change: str) -> None:
    command = [
        *embedded.java_command(),
        "kafka.admin.ConfigCommand",
        "--bootstrap-server",
        cluster.bootstrap,
        "--alter",
    ]
    subprocess.run(
        [*command, "--entity-type", "clients", "--entity-default", *change], check=True, capture_output=True, text=True
    )
