"""The recommendation in one paragraph, with what qualifies it."""

from __future__ import annotations

from loadkit.report.block import Block, Note, Part, Points, Prose, Tile, Tiles, Verdict, block
from loadkit.report.sizing.view import View
from loadkit.sizing import words
from loadkit.sizing.plan import Plan

TITLE = "Recommendation"
ORDER = 0


def build(view: View) -> Block | None:
    """Return the verdict, the key figures, and what changed since the last plan."""
    plan = view.plan
    tone = "bad" if not plan.feasible else "warn" if plan.confidence.level != "high" else "good"
    badges = [words.banner(plan), f"Confidence: {plan.confidence.level}", f"Measurements: {words.age(plan)}"]
    verdict = Verdict(words.headline(plan), tuple(words.sentences(plan)), (), tone, tuple(filter(None, badges)))
    parts: list[Part | None] = [verdict, _tiles(plan), *_notes(plan)]
    if view.changed:
        parts += [Prose("Since the last plan:"), Points(view.changed)]
    return block(TITLE, parts)


def _tiles(plan: Plan) -> Tiles | None:
    fit = plan.fit
    if fit is None:
        return None
    binding, first, bill = fit.binding, plan.first, plan.bill
    partitions = sum(one.flow.count * one.partitions for one in fit.splits)
    tiles = [
        Tile("Cluster", f"{fit.n}", f"x {fit.setup.candidate.name}",
             f"{plan.needs.platform.replication_factor} copies, {plan.needs.platform.zones} zones"),
        Tile("Binds first", f"{binding.share.mid:.0%}", words.name(binding.resource), f"{binding.most:.0%} planned, "
             f"{binding.state.text}"),
        Tile("Lasts", "> 120" if first is None else f"{first.months:.0f}", "months",
             "" if first is None else f"then {words.name(first.resource)} runs out"),
        Tile("Partitions", f"{partitions:,}", detail=f"of {sum(flow.count for flow in plan.flows)} topics"),
    ]  # fmt: skip
    if bill and bill.total is not None:
        tiles.append(Tile("Cost a month", f"{bill.total:,.0f}", bill.currency, f"prices of {bill.date}"))
    else:
        tiles.append(Tile("Cost a month", "–", why=words.costs(plan)))
    return Tiles(tuple(tiles))


def _notes(plan: Plan) -> list[Note]:
    said = [Note(f"{problem.path}: {problem.text}", "change it, or take one of the ways out below", tone="bad")
            for problem in plan.problems]  # fmt: skip
    if plan.demo:
        said.append(
            Note(words.banner(plan), plan.next[0].command if plan.next else "loadkit max ... --target target.toml")
        )
    return said
