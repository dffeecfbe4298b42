"""The client settings that were chosen, with the measured curves behind them."""

from __future__ import annotations

from loadkit.report.block import Block, Chart, Code, Links, Part, Prose, block, table
from loadkit.report.sizing.links import data_link
from loadkit.report.sizing.view import View
from loadkit.report.sweep import rows
from loadkit.report.sweep.marks import TOLD, Dot
from loadkit.sizing.choices import Choice

TITLE = "Settings and config files"
ORDER = 40


def build(view: View) -> Block | None:
    """Return each setting with its effect, its curve, and the files to take away."""
    chosen = view.plan.choices
    parts: list[Part | None] = []
    if chosen:
        head = ("setting", "value", "effect", "what of", "measured by", "from")
        parts.append(table("What the results speak for", head, [_row(one) for one in chosen], texts=(0, 1, 3, 4, 5)))
    parts += [_curve(one) for one in chosen if one.levels]
    if view.configs:
        links = [data_link(f"configs/{path}", path.replace("/", "-"), text) for path, text in view.configs.items()]
        parts.append(Prose("Config files, each value with its reason, checked before they were written:"))
        parts.append(Links(tuple(links)))
        parts.append(_first(view))
    elif view.plan.feasible:
        parts.append(Prose("No config files were written."))
    return block(TITLE, parts)


def _row(one: Choice) -> list[str]:
    effect = one.effect
    known = effect.low is not None and effect.mid is not None and effect.high is not None
    told = f"{effect.mid:+.0%} ({effect.low:+.0%} to {effect.high:+.0%})" if known else "–"
    return [effect.setting, effect.value, told, effect.text, effect.client or "assumed", effect.source]


def _curve(one: Choice) -> Chart:
    dots = [Dot(f"{one.effect.setting} = {one.reference} (reference)", 1.0, None, None, TOLD, "")]
    for level in one.levels:
        low, high = max(1 + level.low, 1e-3), 1 + level.high
        dots.append(Dot(f"{one.effect.setting} = {level.value}", 1 + level.mid, low, high, TOLD, ""))
    caption = f"What {one.effect.setting} does to {one.metric}, all else averaged"
    figure = rows.dots(dots, f"{one.metric}, change", one.effect.setting, ratio=True)
    return Chart(f"setting-{one.effect.setting.replace('.', '-')}", caption, figure, half=True)


def _first(view: View) -> Code | None:
    text = next((text for path, text in view.configs.items() if path.endswith("producer.properties")), None)
    return Code(text, "Copy producer.properties") if text else None
