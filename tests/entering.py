"""Enters every target of a folder as a run does and says how it went: `python tests/entering.py FOLDER`.

Each target's file is read, its cluster reached, a topic made, a producer, a transactional producer and a reading group
connected, one message sent to each partition, and all taken away again. One JSON object on stdout: file to outcome.
A process of its own: what a run leaves in the ledger and in memory stays with it.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from loadkit import Topic, payloads
from loadkit.clusters import KafkaCluster
from loadkit.errors import LoadkitError
from loadkit.scenario import ConsumerWorkload, ProducerWorkload, Scenario, declare
from loadkit.site import KafkaSite, OpenTarget
from loadkit.target import load_target
from loadkit.targets import admin, tokens
from loadkit.worker import Runtime, Worker

LEDGER = Topic("ledger", partitions=1)
VALUES = payloads.constant(size="100B")
AT_ONCE = 6
ENTERED = "a run goes through"


def declared() -> Scenario:
    """Return a writer, one that writes in transactions, and a reader."""
    writer = {"name": "Writer", "topic": LEDGER, "payload": VALUES}
    bank = {"name": "Bank", "topic": LEDGER, "payload": VALUES, "transactions": {"messages": 10}}
    reader = {"name": "Reader", "topic": LEDGER}
    return Scenario(
        name="entering",
        producers=tuple(declare(ProducerWorkload, str(one["name"]), one) for one in (writer, bank)),
        consumers=(declare(ConsumerWorkload, "Reader", reader),),
    )


def runtime() -> Runtime:
    """Return plain threads as what a worker is handed."""

    def start(job: Callable[[], None]) -> None:
        threading.Thread(target=job, daemon=True).start()

    def call(job: Callable[[], Any]) -> Any:
        return job()

    def spawn(job: Callable[..., None], *arguments: Any) -> None:
        start(lambda: job(*arguments))

    return Runtime(time.sleep, time.sleep, call, start, spawn)


def entered(path: Path) -> str:
    """Return that a target lets a run in, or the exit code and the sentence with which it does not."""
    target = load_target(str(path))
    site = None
    try:
        connection = admin.connect(target.client_config("admin"))
        site = OpenTarget(target, None, connection).begin(declared(), keep_topics=False)
        assert isinstance(site, KafkaSite)
        joined(site)
    except LoadkitError as refused:
        return f"exit {refused.exit_code}: {refused}"
    finally:
        with suppress(LoadkitError):
            if site:
                site.close()
    return ENTERED


def joined(site: KafkaSite) -> None:
    """Connect every class of the scenario. Raises TargetError for whatever a cluster refuses."""
    scenario = declared()
    worker = Worker("entering", 1, scenario, KafkaCluster(site.target, site.names), site.names.run, runtime())
    try:
        for workload in scenario.workloads:
            worker.open(workload.name)
    finally:
        worker.halt()
        worker.let_go()


def let_sign(folder: Path) -> None:
    """Have the signer of a folder, if there is one, sign tokens for a cluster on this machine as AWS's does for MSK."""
    if (folder / "aws_msk_iam_sasl_signer.py").exists():
        sys.path.insert(0, str(folder))
        tokens._HOST = re.compile(r"(127)\.0\.0\.1")


if __name__ == "__main__":
    let_sign(Path(sys.argv[1]))
    paths = sorted(Path(sys.argv[1]).glob("*.toml"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = dict(zip((path.stem for path in paths), pool.map(entered, paths), strict=True))
    print(json.dumps(outcomes))
