"""A plan as data: `sizing.json`, and the document of `--json`.

Schema history: 1 (first). Units are bytes, seconds, messages and bytes a second; an interval is [low, mid, high].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadkit import vocabulary
from loadkit.sizing import advice, cost, words
from loadkit.sizing.demand import Use
from loadkit.sizing.model.cpu import Cost
from loadkit.sizing.plan import Plan, headroom, repair
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import TEXT

SCHEMA = 1


def document_of(plan: Plan, out: Path) -> dict[str, Any]:
    """Return the plan as one document; everything in it is plain JSON."""
    no = "a plan makes no load: see plan"
    return {
        "schema": SCHEMA, "command": "size", "status": "complete", "limit": "unknown", "verdict": None,
        "metrics": dict.fromkeys(vocabulary.names()), "withheld": dict.fromkeys(vocabulary.names(), no),
        "warnings": _warnings(plan), "out": str(out), "plan": _finite(_plan(plan)),
    }  # fmt: skip


def _warnings(plan: Plan) -> list[dict[str, str]]:
    said = []
    if plan.demo:
        said.append({"code": "demo", "text": words.banner(plan), "next": "measure the real cluster with --target"})
    for problem in plan.problems:
        said.append(
            {"code": "not_feasible", "text": f"{problem.path}: {problem.text}", "next": "change the requirement"}
        )
    return said


def _plan(plan: Plan) -> dict[str, Any]:
    fit = plan.fit
    return {
        "name": plan.needs.name, "made_on": plan.made_on.isoformat(), "platform": plan.needs.platform.kind,
        "feasible": plan.feasible, "demo": bool(plan.demo), "banner": words.banner(plan),
        "recommendation": words.paragraph(plan), "confidence": asdict(plan.confidence),
        "infeasible": [asdict(problem) for problem in plan.problems],
        "cluster": _cluster(fit) if fit else None, "topics": _topics(plan),
        "binding": _use(fit.binding) if fit else None,
        "runner_up": _use(fit.runner_up) if fit and fit.runner_up else None,
        "headroom": [_state(use) for _, use in headroom(fit)] if fit else [],
        "uses": [_use(use) for use in fit.uses] if fit else [],
        "months": {one.resource: one.months for one in plan.lasts},
        "first": asdict(plan.first) if plan.first else None,
        "alternatives": [asdict(one) for one in plan.alternatives], "cost": _cost(plan),
        "sensitivity": [{**asdict(swing), "width": swing.width} for swing in plan.tornado],
        "next": [asdict(one) for one in plan.next], "assumptions": [asdict(one) for one in plan.assumptions],
        "risks": [asdict(one) for one in advice.risks(plan)],
        "zone_traffic": cost.between_zones(fit, False) if fit else {},
        "repair": asdict(mended) if fit and (mended := repair(fit)) else None,
        "scaling": advice.SCALING[plan.needs.platform.kind],
        "quotas": [asdict(one) for one in advice.quotas(plan)],
        "hot_keys": [asdict(one) for one in advice.hot(plan)], "migrations": list(advice.moves(fit)) if fit else [],
        "alerts": [asdict(one) for one in advice.alerts(plan)],
        "settings": [asdict(one.effect) for one in plan.choices],
        "measurements": _measurements(plan), "requirements": plan.needs.model_dump(mode="json"),
    }  # fmt: skip


def _cluster(fit: Fit) -> dict[str, Any]:
    candidate, platform = fit.setup.candidate, fit.setup.needs.platform
    return {
        "shape": candidate.name, "unit": candidate.unit, "count": fit.n, "zones": platform.zones,
        "replication_factor": platform.replication_factor, "min_insync_replicas": platform.min_insync_replicas,
        "kafka_version": platform.kafka_version, "cores": candidate.cores, "memory": candidate.memory,
        "storage_per_broker": candidate.disk or cost.provisioned(fit), "copies": fit.setup.needs.copies,
        "partitions": sum(one.flow.count * one.partitions for one in fit.splits),
    }  # fmt: skip


def _topics(plan: Plan) -> list[dict[str, Any]]:
    splits = {one.flow.topic.name: one for one in plan.fit.splits} if plan.fit else {}
    rows = []
    for flow in plan.flows:
        one = splits.get(flow.topic.name)
        rows.append({
            "name": flow.topic.name, "count": flow.count, "average": flow.average, "peak": flow.peak,
            "peak_bytes": flow.peak * flow.record, "hottest_key": flow.share,
            "partitions": one.partitions if one else None, "hottest_partition": one.share if one else None,
            "needs": [asdict(need) for need in one.needs] if one else [],
            "consumers": dict(one.consumers) if one else {},
        })  # fmt: skip
    return rows


def _state(use: Use) -> dict[str, Any]:
    return {**_use(use), "text": use.state.text, "must_survive": use.state.binds, "left": 1 - use.fullness}


def _use(use: Use) -> dict[str, Any]:
    return {
        "resource": use.resource, "name": TEXT[use.resource], "state": use.state.key, "use": use.share.facts(),
        "planned": use.most, "demand": use.demand.facts(), "ceiling": use.ceiling.value.facts(),
        "origin": use.ceiling.origin, "source": use.ceiling.source, "formula": use.formula, "fullness": use.fullness,
    }  # fmt: skip


def _cost(plan: Plan) -> dict[str, Any] | None:
    bill = plan.bill
    if bill is None:
        return None
    items = [{**asdict(item), "month": item.month} for item in bill.items]
    return {"currency": bill.currency, "date": bill.date, "items": items, "factor": bill.factor, "total": bill.total,
            "known": bill.known, "missing": list(bill.missing)}  # fmt: skip


def _measurements(plan: Plan) -> dict[str, Any]:
    seen, days = plan.measured, plan.age()
    if seen is None:
        return {"source": None, "trials": 0}
    return {
        "source": seen.source, "trials": seen.trials, "demo": seen.demo, "shape": seen.shape, "brokers": seen.brokers,
        "oldest": seen.started[0], "newest": seen.started[1], "age_days": list(days) if days else None,
        "work": seen.work.facts() if seen.work else None, "messages": seen.messages.facts() if seen.messages else None,
        "work_at_least": seen.work_at_least, "messages_at_least": seen.messages_at_least,
        "partition_at_least": seen.partition_at_least, "consumer_at_least": seen.consumer_at_least,
        "cpu": _cpu(seen.cpu) if seen.cpu else None,
        "notes": list(seen.notes),
    }  # fmt: skip


def _cpu(cost: Cost) -> dict[str, Any]:
    """Return cores busy when idle, and for each byte/s of write equivalents, message/s and request/s."""
    return {name: getattr(cost, name).facts() for name in ("idle", "by_work", "by_message", "by_request")}


def _finite(value: Any) -> Any:
    """Return plain data with null for numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
