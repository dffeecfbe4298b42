"""What Locust's web UI shows of a run under way: rows for its tab, and a page of our own with the percentile curve."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from loadkit.observed import RECENT, Observed
from loadkit.report.curves import percentile_curve
from loadkit.units import format_count, format_duration, format_rate

WIDE, HIGH, LEFT, BELOW = 720, 320, 70, 40
"""Pixels of the chart, and of its margins for labels."""
_SERIES = (("latency", "latency", "#2563eb"), ("end_to_end", "end to end", "#d97706"))
_TICKS = ((2, "50 %"), (10, "90 %"), (100, "99 %"), (1000, "99.9 %"), (10_000, "99.99 %"), (100_000, "99.999 %"))
_QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:760px;padding:0 1rem;color:#1f2937;"
    "background:#fff}table{border-collapse:collapse;margin:1rem 0}th{text-align:left;font-weight:400;color:#6b7280;"
    "padding:.15rem 1.5rem .15rem 0;vertical-align:top;white-space:nowrap}td{padding:.15rem 0}"
    "svg{width:100%;height:auto}@media(prefers-color-scheme:dark){body{color:#e5e7eb;background:#111827}}"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>loadkit</title>'
    '<meta name="viewport" content="width=device-width">'
    f'<style>{_STYLE}</style><h1>loadkit</h1><main id="view"></main><script>'
    "async function look(){try{const a=await fetch('loadkit/view');"
    "if(a.ok)document.getElementById('view').innerHTML=await a.text()}catch(e){}setTimeout(look,2000)}look()"
    "</script></html>"
)
"""It asks for its inside every two seconds."""


def rows(seen: Observed) -> list[tuple[str, str]]:
    """Return what there is to say of the present or last run, as names and texts."""
    return list(_rows(seen))


def _rows(seen: Observed) -> Iterator[tuple[str, str]]:
    yield "phase", seen.phase or ("ended" if seen.trials else "none yet")
    if seen.rates:
        last = seen.rates[seen.second]
        yield "acknowledged", f"{format_rate(last['acked'])} of {format_rate(last['due'])} due"
        yield "received", format_rate(last["received"])
        yield "unsent", f"{format_count(sum(seen.unsent.values()))} messages"
    for series, label, _ in _SERIES:
        if len(values := seen.recent(series)):
            told = ", ".join(f"{name} {format_duration(values.quantile(q) / 1e6)}" for name, q in _QUANTILES)
            yield f"{label}, last {RECENT} s", f"{told}, max {format_duration(values.max / 1e6)}"
    for (kind, name), row in sorted(seen.latest.items()):
        if kind == "consumer":
            stands = f", {row['status']} by Burrow's rules" if row.get("status") else ""
            yield f"lag of {name}", f"{format_count(row['lag'])} messages, {format_duration(row['lag_time'])}{stands}"
    if seen.judged:
        yield "limit so far", f"{seen.judged.limit.limit}: {'; '.join(seen.judged.limit.evidence)}"


def fragment(seen: Observed, report: bool) -> str:
    """Return the inside of the page as HTML; `report` is whether the last run's page can be asked for."""
    told = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in _rows(seen))
    link = '<p><a href="loadkit/report">Report of the last run</a></p>' if report else ""
    return f"{chart(seen)}<table>{told}</table>{link}"


def chart(seen: Observed) -> str:
    """Return the percentile curves of the measured phase so far as SVG: up to where ten values lie beyond.

    From left to right the share of messages that were quicker, each decade of what is left as wide; upwards
    milliseconds, from nothing.
    """
    curves = []
    for series, label, color in _SERIES:
        if (whole := seen.whole.get(series)) and len(whole):
            x, y, carried = percentile_curve(whole)
            curves.append((label, color, np.log10(x[:carried]), y[:carried] * 1e3))
    if not curves:
        return ""
    right = max(float(x[-1]) for _, _, x, _ in curves)
    top = max(float(y.max()) for _, _, _, y in curves) * 1.05 or 1.0

    def place(x: float, y: float) -> str:
        across = LEFT + x / right * (WIDE - LEFT - 10)
        return f"{across:.1f},{(HIGH - BELOW) * (1 - y / top) + 10:.1f}"

    parts = [_text(LEFT, 18, f"{top:.3g} ms", "end"), _text(LEFT, HIGH - BELOW + 10, "0 ms", "end")]
    for left, name in _TICKS:
        if np.log10(left) <= right:
            across = float(place(float(np.log10(left)), 0).partition(",")[0])
            parts.append(_text(across, HIGH - 8, name, "middle"))
    for at, (label, color, x, y) in enumerate(curves):
        line = " ".join(place(float(a), float(b)) for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(_text(LEFT + 20, 24 + 20 * at, label, "start", color))
    what = "Percentiles of the measured phase so far"
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{what}">{"".join(parts)}</svg><p>{what}</p>'


def _text(x: float, y: float, text: str, anchor: str, color: str = "currentColor") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" fill="{color}">{escape(text)}</text>'
