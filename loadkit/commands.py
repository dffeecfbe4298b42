"""What the smaller commands do: doctor, init, clean, cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from loadkit import doctor as examiner
from loadkit import ledger
from loadkit.errors import UsageError
from loadkit.health import Finding
from loadkit.target import load_target
from loadkit.targets import embedded, embedded_state

Say = Callable[[str], None]
_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skip": "--  "}


def doctor(name: str, offline: bool, say: Say) -> list[Finding]:
    """Return what is right and wrong with a target; an embedded one is started to be examined."""
    target = load_target(name)
    if target.kind != "embedded" or offline:
        return examiner.examine(target, offline)
    with embedded.start(embedded.EmbeddedSpec.parse(target.text), say) as cluster:
        return examiner.examine(target.at(cluster.bootstrap, **cluster.client))


def findings_text(findings: Sequence[Finding]) -> str:
    """Return the findings as lines, each that needs it with its mend."""
    lines = []
    for found in findings:
        lines.append(f"{_MARKS[found.status]}  {found.check}: {found.text}")
        if found.fix:
            lines.append(f"      -> {found.fix}")
    return "\n".join(lines)


def clean(name: str, run: str | None) -> str:
    """Delete what earlier runs left on a target, by the ledger alone; return what was done as text."""
    return "\n".join(ledger.clean_named(load_target(name), run))


def cluster_start(name: str, target_file: Path | None, say: Say) -> None:
    """Run a Kafka in the foreground until it is told to stop."""
    target = load_target(name)
    if target.kind != "embedded":
        raise UsageError(f"{name!r} is not an embedded target: use embedded, embedded:3 or embedded@3.6.2")

    def ready(state: embedded_state.State) -> None:
        print(f"bootstrap.servers={state.bootstrap}", flush=True)
        if target_file:
            target_file.write_text(embedded_state.target_toml(state), encoding="utf-8")
            say(f"wrote {target_file}: use it as --target {target_file}")
        elif state.client:
            say("clients need more than that address: --target-file FILE writes all of it")
        say("running; Ctrl-C or `loadkit cluster stop` ends it")

    embedded.serve(embedded.EmbeddedSpec.parse(target.text), say, ready)


def cluster_status() -> str:
    """Return the clusters that are served now, a line each."""
    found = embedded_state.running()
    return "\n".join(map(_line, found)) or "no cluster is running"


def _line(state: embedded_state.State) -> str:
    where = f"bootstrap.servers={state.bootstrap}"
    return f"{state.target}  Kafka {state.kafka_version}  {where}  pid {state.pid}  since {state.started}"


def cluster_stop() -> str:
    """Stop the clusters that are served now and return how many there were."""
    found = embedded_state.running()
    for state in found:
        embedded_state.stop(state)
    return f"stopped {len(found)}" if found else "no cluster is running"
