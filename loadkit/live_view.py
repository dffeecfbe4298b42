"""What a run under way looks like on a terminal: rates with their last minute, percentiles, lag, the limit so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from loadkit.observed import KEPT, RECENT, Observed
from loadkit.units import format_count, format_duration, format_rate

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = ".:-=+*#@"
"""Where a terminal has no block characters."""
_STYLES = {"OK": "green", "WARN": "yellow", "ERR": "bold red"}
_LIMITS = {"none": "green", "cluster": "yellow", "generator": "bold red", "unknown": "yellow"}
_QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
LONGEST = 160
"""Characters of evidence that are shown."""


def view(seen: Observed, bars: str = BARS) -> RenderableType:
    """Return the lines of a trial under way; none until its first second is whole."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _lines(seen, bars):
        grid.add_row(label, text)
    return grid


def _lines(seen: Observed, bars: str) -> Iterator[tuple[str, Text]]:
    if seen.rates:
        yield from _rates(seen, bars)
    for label, series in (("latency", "latency"), ("end to end", "end_to_end")):
        if len(values := seen.recent(series)):
            told = "  ".join(f"{name} {format_duration(values.quantile(q) / 1e6)}" for name, q in _QUANTILES)
            text = Text(f"{told}  max {format_duration(values.max / 1e6)}")
            yield label, text.append(f"  last {RECENT} s{_so_far(seen, series)}", "dim")
    for (kind, name), row in sorted(seen.latest.items()):
        if kind == "consumer":
            text = Text(f"{name} {format_count(row['lag'])} messages, {format_duration(row['lag_time'])}")
            status = row.get("status")
            yield "lag", text.append(f"  {status}", _STYLES[status]) if status else text
    if seen.judged:
        found = seen.judged.limit
        said = "; ".join(found.evidence)
        short = said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
        yield "limit so far", Text(found.limit, _LIMITS[found.limit]).append(f"  {short}", "dim")


def _rates(seen: Observed, bars: str) -> Iterator[tuple[str, Text]]:
    """Yield the last whole second's rates, each with the seconds before it."""
    last = seen.rates[seen.second]
    seconds = range(max(seen.second - KEPT + 1, min(seen.rates)), seen.second + 1)
    for label, number in (("acknowledged", "acked"), ("received", "received")):
        values = [seen.rates.get(second, {}).get(number, 0) for second in seconds]
        if any(values):
            due = f" of {format_rate(last['due'])} due" if number == "acked" and last["due"] else ""
            text = Text(f"{sparkline(values, bars)}  {format_rate(last[number])}{due}")
            unsent = sum(seen.unsent.values())
            if number == "acked" and unsent > last["due"] / 100:
                text.append(f"  {format_count(unsent)} unsent", "bold red")
            yield label, text


def _so_far(seen: Observed, series: str) -> str:
    whole = seen.whole.get(series)
    return f"; measured so far p99 {format_duration(whole.quantile(0.99) / 1e6)}" if whole else ""


def sparkline(values: Sequence[float], bars: str = BARS) -> str:
    """Return a bar for each value, from nothing to the highest of them."""
    most = max(values, default=0.0)
    return "".join(bars[min(int(value / most * len(bars)), len(bars) - 1)] if most > 0 else bars[0] for value in values)


def bars_for(encoding: str) -> str:
    """Return the bars that an encoding has."""
    return BARS if encoding.lower().replace("-", "").startswith("utf") else PLAIN_BARS
