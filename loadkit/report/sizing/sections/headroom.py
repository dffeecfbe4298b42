"""What binds, and the headroom in every state."""

from __future__ import annotations

from loadkit.report.block import Block, Cell, Chart, Part, Prose, Table, block, table
from loadkit.report.sizing import bars
from loadkit.report.sizing.view import View
from loadkit.sizing import advice, words
from loadkit.sizing.demand import Use
from loadkit.sizing.plan import headroom, repair
from loadkit.sizing.search import Fit
from loadkit.units import format_duration

TITLE = "What binds, and what is left"
ORDER = 10


def build(view: View) -> Block | None:
    """Return the binding resources with their bars, the failure scenarios, and how long mending takes."""
    fit = view.plan.fit
    if fit is None:
        return None
    parts: list[Part | None] = [_bars(fit), _states(fit), _mending(fit), _traffic(view)]
    return block(TITLE, parts, "The fullest broker, resource by resource, in the state that is worst for it.")


def _worst(fit: Fit) -> list[Use]:
    by: dict[str, Use] = {}
    for use in fit.uses:
        if use.state.binds and (use.resource not in by or use.fullness > by[use.resource].fullness):
            by[use.resource] = use
    return sorted(by.values(), key=lambda use: -use.fullness)


def _bars(fit: Fit) -> Chart:
    found = _worst(fit)
    made = [
        bars.Bar(words.name(use.resource), use.share.low, use.share.mid, use.share.high, use.most,
                 f"{words.full(use)}") for use in found
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [words.name(use.resource), f"{use.share.mid:.0%}", f"{use.share.low:.0%} to {use.share.high:.0%}",
         f"{use.most:.0%}",
         words.amount(use.resource, use.demand.mid), words.shown(use.ceiling, use.resource),
         use.state.text, Cell(use.ceiling.origin, use.ceiling.source)] for use in found
    ]  # fmt: skip
    head = ("resource", "used", "interval", "planned", "asked", "there is", "in the state", "from")
    shown = table("Binding resources, the fullest first", head, rows, texts=(0, 6, 7))
    return Chart(
        "headroom", "Use of the fullest broker in its worst state, against what is planned", bars.uses(made), shown
    )


def _states(fit: Fit) -> Table:
    rows: list[list[Cell | str]] = []
    for state, use in headroom(fit):
        full = use.fullness
        tone = "bad" if full > 1 and state.binds else "warn" if full > 1 else "good" if full < 0.9 else ""
        left = f"{1 - full:.0%}" if full <= 1 else f"{full - 1:.0%} too much"
        must = "yes" if state.binds else "no: shown, not planned for"
        rows.append(
            [
                state.text,
                words.name(use.resource),
                f"{use.share.mid:.0%}",
                f"{use.most:.0%}",
                Cell(left, tone=tone),
                must,
            ]
        )
    head = ("state", "fullest", "used", "planned", "left", "must be survived")
    return table("Headroom: today, in failures and at the horizon", head, rows, texts=(0, 1, 5))


def _mending(fit: Fit) -> Prose | None:
    mended = repair(fit)
    if mended is None:
        return Prose("Failures, restarts and rebuilding are the vendor's affair; planned is the load on its quotas.")
    return Prose(
        f"A broker that is lost is filled again in {format_duration(mended.rebuild)} with what is left over at the "
        f"horizon's peak; a restarted one catches up in {format_duration(mended.restart)}, and a rolling restart of "
        f"all takes {format_duration(mended.rolling)}."
    )


def _traffic(view: View) -> Prose:
    told = "; ".join(f"{name} {value}" for name, value in advice.traffic(view.plan))
    return Prose(f"The whole cluster at today's peak: {told}. {advice.SCALING[view.plan.needs.platform.kind]}")
