"""`loadkit size`: requirements and results to a plan, its report and its config files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from loadkit import kept, secrets, survey_cluster
from loadkit.errors import PlanError, RunError, UsageError
from loadkit.report.sizing import markdown, page
from loadkit.report.sizing.view import View
from loadkit.sizing import against, ceilings, choices, document, evidence, handover, recommend, requirements, words
from loadkit.sizing import plan as planning
from loadkit.sizing.ceilings import Measured
from loadkit.sizing.plan import Plan
from loadkit.sizing.requirements import Requirements
from loadkit.sizing.workload import objectives
from loadkit.slo import Objective
from loadkit.target import load_target

WATCHED = 10.0
"""Seconds over which the rates of a running cluster are read."""
JSON, MARKDOWN, PAGE, CONFIGS = "sizing.json", "sizing.md", "sizing.html", "configs"


@dataclass(frozen=True, slots=True)
class Request:
    """One `loadkit size`, as its flags say."""

    requirements: Path
    results: tuple[Path, ...]
    out: Path
    demo: bool = False
    against: Path | None = None
    today: date | None = None
    """None: the day it is."""
    verify_java: bool = False


def size(request: Request, quiet: bool) -> dict[str, Any]:
    """Return the document of a plan whose files were written. Raises UsageError."""
    needs = requirements.read(request.requirements)
    old = against.read(request.against) if request.against else None
    measured, scenario = _measured(needs, request.results, request.demo)
    chosen = choices.choices(request.results, measured) if request.results else ()
    plan = planning.make(needs, measured, request.today or datetime.now(UTC).date(), chosen, scenario)
    made = document.document_of(plan, request.out)
    changed = tuple(against.changes(old, made["plan"])) if old else ()
    _write(request.out, plan, {**made, "changes": list(changed)}, changed)
    _tell(plan, request.out, changed, quiet)
    return {**made, "changes": list(changed), **(_verified(plan, request.out, quiet) if request.verify_java else {})}


def propose(name: str, out: Path, say: Callable[[str], None], seconds: float = WATCHED) -> dict[str, Any]:
    """Return the document of requirements that were read from a running cluster and written; nothing else is touched.

    Raises TargetError where the cluster cannot be read, UsageError where the target is none or the folder is taken.
    """
    target = load_target(name)
    if "bootstrap.servers" not in target.client:
        raise UsageError(
            f"--from-cluster {name!r} is no running cluster: give a target file, as `loadkit init target` writes"
        )
    path = out / "requirements.toml"
    if path.exists():
        raise UsageError(f"{path} is there already and is left as it is: give another --out")
    found, brokers, version = survey_cluster.survey(target, seconds, say)
    text = survey_cluster.requirements_text(target, found, brokers, version, seconds)
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; give a folder that can be written") from None
    say(f"wrote {path}: state what it marks with CHECK, then loadkit size {path}")
    return {"schema": 1, "command": "size", "status": "complete", "requirements": str(path), "out": str(out),
            "topics": [asdict(one) for one in found]}  # fmt: skip


def _measured(needs: Requirements, results: Sequence[Path], demo: bool) -> tuple[Measured | None, str]:
    """Return what results say, and the Locust file that was measured."""
    if not results:
        return None, "scenario.py"
    slo = objectives(needs)
    found = evidence.gather(results, [Objective.parse(text).metric for text in slo])
    measured = ceilings.measure(found, slo, demo=demo, shape=needs.platform.measured_shape)
    if not demo and measured.shape is None:
        raise UsageError(
            f"--from {measured.source}: it does not say on which shape it was measured; name it as [cluster] shape in "
            "the target file, or as platform.measured_shape in the requirements"
        )
    return measured, next((point.scenario for point in found.points if point.scenario), "scenario.py")


def _write(out: Path, plan: Plan, made: dict[str, Any], changed: tuple[str, ...]) -> None:
    """Write the plan's files; configs only where the plan is feasible and the checker finds no rule broken."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        files: dict[str, str] = {}
        if plan.feasible:
            for path in recommend.write(handover.facts_of(plan), out / CONFIGS):
                files[str(path.relative_to(out / CONFIGS))] = path.read_text(encoding="utf-8")
        elif (out / CONFIGS).exists():  # of an older plan, which these requirements no longer allow
            shutil.rmtree(out / CONFIGS)
        view = View(plan, made, changed, files)
        texts = {JSON: json.dumps(made, indent=1) + "\n", MARKDOWN: markdown.text(view), PAGE: page.page(view)}
        for name, text in texts.items():
            kept.replace(out / name, text)
    except PlanError as error:
        raise PlanError(f"the plan was not written, because its config files would not be safe: {error}") from None
    except OSError as error:
        raise RunError(f"--out {out}: {error.strerror or error}; give a folder that can be written") from None


def _verified(plan: Plan, out: Path, quiet: bool) -> dict[str, Any]:
    """Return what both clients did with the plan's producer files; the plan's document gets it too."""
    from loadkit import drive_verify  # brings the client library

    if plan.fit is None:
        raise UsageError("--verify-java: the plan is not feasible, so that there are no files to verify")
    stream = sys.stderr if quiet else sys.stdout
    found = drive_verify.verify(out / CONFIGS, plan.fit.splits, secrets.say)
    print("\n".join(one.text() for one in found), file=stream)
    part = {"verified": [one.document() for one in found]}
    kept.write(out / JSON, {**json.loads((out / JSON).read_text(encoding="utf-8")), **part})
    return part


def _tell(plan: Plan, out: Path, changed: Sequence[str], quiet: bool) -> None:
    stream = sys.stderr if quiet else sys.stdout
    banner = words.banner(plan)
    lines = [f"! {banner}"] if banner else []
    lines.append(words.paragraph(plan))
    lines += [f"- {one.text}: {one.reason}" for one in plan.alternatives[:4]]
    lines += [f"changed: {text}" for text in changed]
    lines += [f"measure next: {plan.next[0].command}"] if plan.next else []
    lines += [f"plan: {out / MARKDOWN}, {out / JSON}", f"report: {out / PAGE}"]
    print("\n".join(lines), file=stream)
