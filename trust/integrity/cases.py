"""Every case: which load, what is done to the cluster meanwhile, and how loadkit's accounts and a full read compare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadkit.result import read_rows
from loadkit.targets import admin, embedded
from trust.integrity import disturb, force, reading
from trust.integrity.disturb import Disturbance, Stage
from trust.integrity.judge import Judged, agreed, untouched

SCENARIO = Path(__file__).parent / "load.py"
KEYS = 60
"""As many as the scenario has."""
PATIENT = "from loadkit import site; site.UNDER_REPLICATED_SECONDS = 600.0; from loadkit.cli import main; main()"
"""loadkit as a command that does not leave a cluster alone whose brokers are down: here they are, on purpose."""
_TRANSACTIONS = ("Writer.transactions={'messages': 50, 'interval': '300ms', 'abort': 0.2}",)
_LONE = (
    "Writer.fixed_count=1", "Writer.rate=300/s", "acks=1", "enable.idempotence=False",
    "max.in.flight.requests.per.connection=1", "ledger.config.unclean.leader.election.enable=true",
    "ledger.config.min.insync.replicas=1",
)  # fmt: skip
_QUIET = 5.0
"""Seconds at the end of a measured phase in which nothing is disturbed any more."""
_DRAIN, _PATIENCE = 90.0, 300.0


@dataclass(frozen=True, slots=True)
class Case:
    """One run under one disturbance."""

    name: str
    does: Disturbance
    seconds: float
    needs: tuple[str, ...]
    """What must have been done to the cluster for the case to count."""
    sets: tuple[str, ...] = ()
    copies: int = 3
    forced: bool = False
    """Whether losses are forced; else there must be none."""

    @property
    def transactions(self) -> bool:
        """Whether messages are sent in transactions, a fifth of them aborted."""
        return self.sets == _TRANSACTIONS


def _both(name: str, does: Disturbance, seconds: float, *needs: str) -> tuple[Case, Case]:
    return Case(name, does, seconds, needs), Case(f"{name}, transactions", does, seconds, needs, _TRANSACTIONS)


def _lossy(name: str, force: Callable[[int], Disturbance], seconds: float, copies: int) -> tuple[Case, ...]:
    needs = ("leaders killed",)
    names = [f"{name}, leader {index + 1} killed" for index in range(3)]
    return tuple(Case(one, force(index), seconds, needs, _LONE, copies, True) for index, one in enumerate(names))


_ALL = disturb.together(disturb.restarts, disturb.leaders, disturb.members)
_KILLED, _MOVED, _JOINED = "brokers killed", "leaders moved", "members joined"
CASES: tuple[Case, ...] = (
    *_both("brokers killed in turn", disturb.restarts, 70.0, _KILLED),
    *_both("leaders moved", disturb.leaders, 40.0, _MOVED),
    *_both("members come and go", disturb.members, 40.0, _JOINED, "members killed"),
    *_both("all three", _ALL, 70.0, _KILLED, _JOINED),
    *_lossy("followers stopped", force.stopped, 60.0, 3),
    *_lossy("unclean election", force.unclean, 70.0, 2),
)  # fmt: skip
QUICK = ("leaders moved, transactions", "unclean election, leader 1 killed")


def run(case: Case, cluster: embedded.EmbeddedCluster, folder: Path) -> dict[str, Any]:
    """Return the row of a case: what was done, loadkit's accounts, the witness's, and whether that is as it should be.

    RuntimeError where the run did not come to its end.
    """
    disturb.await_whole(cluster)
    folder.mkdir(parents=True)
    with _loadkit(case, cluster, folder) as (process, out):
        facts = _measuring(process, out, folder)
        stage = Stage(cluster, facts["target"]["topics"]["ledger"]["name"], facts["classes"]["Reader"]["group_id"],
                      facts["classes"]["Reader"]["config"].get("partition.assignment.strategy", "range,roundrobin"),
                      folder, time.monotonic() + case.seconds - _QUIET)  # fmt: skip
        case.does(stage)
        if code := process.wait(_PATIENCE):
            raise RuntimeError(f"loadkit run ended with {code}: {_said(folder)[-2000:]}")
    disturb.await_whole(cluster)
    facts = json.loads((out / "result.json").read_text("utf-8"))
    logs = {
        level: reading.read(cluster.bootstrap, stage.topic, level) for level in ("read_committed", "read_uncommitted")
    }
    judged = (_forced if case.forced else untouched)(facts, logs)
    wrong = [f"no {what}: the case did not do what it is for" for what in case.needs if not stage.did[what]]
    wrong += judged.wrong
    admin.delete_topics(stage.connection(), [stage.topic])
    rebalances = sum(row.get("rebalances") or 0 for row in read_rows(out)[0] if row["kind"] == "consumer")
    return {
        "case": case.name, "forced": case.forced, "seconds": case.seconds, "did": dict(stage.did),
        "rebalances": rebalances, "lane": facts["classes"]["Writer"]["lane"],
        **judged.row(), "kept": not wrong, "why": wrong,
    }  # fmt: skip


def _forced(facts: Mapping[str, Any], logs: Mapping[str, reading.Log]) -> Judged:
    return agreed(facts, logs, KEYS)


@contextmanager
def _loadkit(
    case: Case, cluster: embedded.EmbeddedCluster, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run `loadkit run` beside a block; it is gone afterwards."""
    out, target = folder / "run", folder / "target.toml"
    text = embedded.target_toml(cluster).replace("replication_factor = 3", f"replication_factor = {case.copies}")
    target.write_text(text, "utf-8")
    lengths = ("--warmup", "0s", "--duration", f"{case.seconds:g}s", "--drain-timeout", f"{_DRAIN:g}s")
    sets = [word for text in case.sets for word in ("--set", text)]
    command: Sequence[str] = [sys.executable, "-c", PATIENT, "run", str(SCENARIO), "--target", str(target), *lengths]
    env = {**os.environ, "LOADKIT_STATE": str(folder / "state"), "PYTHONUNBUFFERED": "1"}
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [*command, *sets, "--keep-topics", "--out", str(out)], stdout=said, stderr=said, env=env
        )
    try:
        yield process, out
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _measuring(process: subprocess.Popen[bytes], out: Path, folder: Path) -> dict[str, Any]:
    """Return the facts of a run whose measured phase is under way."""
    limit = time.monotonic() + _PATIENCE
    while "\nmeasure" not in _said(folder):
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"loadkit run did not come to measure: {_said(folder)[-2000:]}")
        time.sleep(0.1)
    facts: dict[str, Any] = json.loads((out / "result.json").read_text("utf-8"))
    return facts


def _said(folder: Path) -> str:
    return (folder / "said.txt").read_text("utf-8", "replace")
