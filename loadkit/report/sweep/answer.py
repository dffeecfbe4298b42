"""The answer of a sweep in plain words: the one home of its sentences, for the page and for the terminal.

Only a safe point is ever named best, and only one whose trials completed, delivered everything, held every SLO and
were not limited by the load generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadkit.analysis.drift import Drift, drift
from loadkit.analysis.noise import Contrast
from loadkit.report.answer import labels_of
from loadkit.report.sweep import words
from loadkit.report.sweep.view import EARLY, FAILED, GENERATOR, INVALID, MEASURED, WAITING, Tried, View, seconds_of
from loadkit.units import format_duration


@dataclass(frozen=True, slots=True)
class Best:
    """The best safe point, and how it stands to the base and to the points after it."""

    tried: Tried
    ranked: tuple[Tried, ...]
    """All points that could be named, best first."""
    gain: Contrast | None
    """Its objective against the base's; None when it is the base, or when no noise is known."""
    equals: tuple[Tried, ...]
    """Points that cannot be told from it."""

    @property
    def better(self) -> bool:
        """Whether it can be told from the base."""
        return bool(self.gain and self.gain.p < 0.05)


def best(view: View) -> Best | None:
    """Return the best safe point; None when none can be named."""
    return view.once(("best",), lambda: _best(view))


def _best(view: View) -> Best | None:
    ranked = sorted((t for t in view.points if refused(view, t) is None), key=lambda t: _key(view, t))
    if not ranked:
        return None
    first, base = ranked[0], view.base
    among = len(ranked)
    gain = view.contrast(first, view.objective, base, max(among - 1, 1)) if base and first is not base else None
    seen = [(other, view.contrast(other, view.objective, first, max(among - 1, 1))) for other in ranked[1:]]
    return Best(first, tuple(ranked), gain, tuple(other for other, how in seen if how and how.p >= 0.05))


def _key(view: View, tried: Tried) -> float:
    value = view.value(tried, view.objective) or 0.0
    return -value if view.higher else value


def refused(view: View, tried: Tried) -> str | None:
    """Return why a point cannot be named best; None when it can."""
    if tried.state != MEASURED:
        return {
            GENERATOR: "the load generator was its limit", EARLY: "its trials were ended early",
            FAILED: "its trials failed", INVALID: "it cannot work", WAITING: "not measured",
        }[tried.state]  # fmt: skip
    if not tried.point.safe:
        return f"unsafe: {tried.point.unsafe_because}" if tried.point.unsafe_because else "unsafe"
    if view.value(tried, view.objective) is None:
        return f"its {words.metric(view.objective)} is not known"
    for name in ("lost", "errors", "unsent"):
        if view.value(tried, name):
            return f"messages {_FATES[name]}"
    return {True: None, False: "an SLO does not hold", None: "whether its SLO holds is not known"}[view.holds(tried)]


_FATES = {"lost": "were lost", "errors": "failed", "unsent": "were due and never sent"}


def headline(view: View) -> str:
    """Return the answer in one sentence."""
    found, name = best(view), view.objective
    if not any(tried.trials for tried in view.points):
        return "Nothing is measured yet: no trial has completed."
    if not found:
        return f"No point can be named best: {_why_none(view)}."
    value = _valued(view, found.tried, name)
    safe = words.counted(len(found.ranked), "safe point" if _some_unsafe(view) else "point")
    held = f"{safe} {'that holds' if len(found.ranked) == 1 else 'that hold'} the SLO" if view.slo else safe
    most = "highest" if view.higher else "lowest"
    lead = f"With {found.tried.label}, {words.metric(name)} is the {most} of {held}: {value}"
    if found.tried.point.base:
        return f"The base stays best. {lead}."
    if not found.gain:
        return f"{lead}{_against_unknown(view, found.tried)}."
    return f"{lead}, {words.changed(found.gain)} than the base's {view.show(name, _base_value(view))}{_unsure(found)}."


def _unsure(found: Best) -> str:
    return "" if found.better else ", which noise alone may explain"


def _base_value(view: View) -> float | None:
    return view.value(view.base, view.objective) if view.base else None


def _against_unknown(view: View, tried: Tried) -> str:
    """Return how a point stands to the base where no repeat says how far to trust it."""
    base, value = _base_value(view), view.value(tried, view.objective)
    if not base or not value:
        return ""
    gain = value / base - 1
    return f", {words.percent(gain)} {'above' if gain > 0 else 'below'} the base's {view.show(view.objective, base)}"


def _valued(view: View, tried: Tried, name: str) -> str:
    ends = view.interval(tried, name)
    shown = view.show(name, view.value(tried, name))
    return shown if not ends or ends[0] == ends[1] else f"{shown} (95 % interval {words.between(name, *ends)})"


def _some_unsafe(view: View) -> bool:
    return any(not tried.point.safe for tried in view.shown)


def _why_none(view: View) -> str:
    reasons: dict[str, int] = {}
    for tried in view.shown:
        reason = refused(view, tried)
        if reason:
            reasons[reason.partition(":")[0]] = reasons.get(reason.partition(":")[0], 0) + 1
    return "; ".join(f"{words.counted(count, 'point')}: {reason}" for reason, count in reasons.items())


def sentences(view: View) -> list[str]:
    """Return what a reader needs next: how sure it is, what unsafe settings would bring, which knob matters."""
    found = best(view)
    said = [progress(view), *(_after(view, found) if found else ()), _tempting(view, found), *_knobs(view)]
    return [text for text in said if text]


def progress(view: View) -> str:
    """Return how far a sweep that is not complete has come; an empty text when it is."""
    done, wanted = len(view.stored.trials), len(view.stored.order)
    how = {"running": "Still running", "interrupted": "Interrupted", "failed": "Failed"}.get(view.stored.status)
    return f"{how}: {done:,} of {words.counted(wanted, 'trial')} so far; the answer holds for those." if how else ""


def _after(view: View, found: Best) -> list[str]:
    said = []
    if found.tried.point.base and len(found.ranked) > 1:
        second = found.ranked[1]
        gain = view.contrast(second, view.objective, found.tried, max(len(found.ranked) - 1, 1))
        how = f", {words.changed(gain)}" if gain else ""
        said.append(f"Next comes {second.label}: {view.show(view.objective, view.value(second, view.objective))}{how}.")
    if found.equals:
        others = words.counted(len(found.equals), "other safe point")
        names = "; ".join(other.label for other in found.equals[:3])
        more = f"; and {len(found.equals) - 3} more" if len(found.equals) > 3 else ""
        said.append(f"{others} cannot be told from it: {names}{more}.")
    noise = view.noise(view.objective)
    if not noise or not noise.total_df:
        said.append("Each point was measured once, so how far repeats differ is not known: give --repeats 3.")
    return said


def _tempting(view: View, found: Best | None) -> str:
    """Return what the best unsafe point would bring, so that nobody has to wonder."""
    unsafe = [
        t for t in view.points if t.state == MEASURED and not t.point.safe and view.value(t, view.objective) is not None
    ]  # fmt: skip
    if not unsafe or not found:
        return ""
    first = min(unsafe, key=lambda t: _key(view, t))
    if _key(view, first) >= _key(view, found.tried):
        return "No unsafe point is better."
    because = f" ({first.point.unsafe_because})" if first.point.unsafe_because else ""
    value = view.show(view.objective, view.value(first, view.objective))
    return f"An unsafe point reached {value}: {first.label}{because}. It is shown, and not recommended."


def _knobs(view: View) -> list[str]:
    found = view.effects(view.objective)
    return words.effect_sentences(view.objective, found)[:2] if found else []


def labels(view: View) -> list[str]:
    """Return what qualifies every figure."""
    said = labels_of(view.stored.target)
    limited = sum(tried.state == GENERATOR for tried in view.points)
    if limited:
        said.append(f"generator-limited at {words.counted(limited, 'point')}")
    return said


def drifts(view: View, names: Sequence[str]) -> dict[str, Drift]:
    """Return the drift of the base point in each metric that its repeats carry."""
    base = next((tried for tried in view.points if tried.point.base), None)
    found = {}
    for name in dict.fromkeys(names) if base else ():
        seen = [(at, value) for t in base.trials if (at := seconds_of(t)) and (value := t.metrics.get(name))]  # type: ignore[union-attr]
        tested = drift([at for at, _ in seen], [value for _, value in seen])
        if tested:
            found[name] = tested
    return found


def drift_sentence(name: str, tested: Drift) -> str:
    """Return whether the base point drifted in a metric, and what could have been missed."""
    span = format_duration(tested.hours * 3600)
    change = words.changed(tested.change)
    if tested.found:
        return f"The base point drifted: its {words.metric(name)} ended {change} than it began, over {span}."
    return (
        f"No drift can be told from noise: over {span}, the base's {words.metric(name)} ended {change} than it began."
    )


def tone(view: View) -> str:
    """Return how the verdict is coloured: good for a complete sweep that is sure of its answer."""
    found = best(view)
    if view.stored.status == "failed" or (view.stored.status == "complete" and not found):
        return "bad"
    clear = found and (found.better or found.tried.point.base)
    steady = not any(tested.found for tested in drifts(view, [view.objective]).values())
    return "good" if view.stored.status == "complete" and clear and steady else "warn"


def title(view: View) -> str:
    """Return what was swept."""
    return f"Sweep of {view.stored.scenario.get('name') or view.out.name}"
