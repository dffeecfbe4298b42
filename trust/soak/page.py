"""The long run as a page, from the file beside it: `python -m trust.soak --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from loadkit.report import charts
from loadkit.report.block import Block, Chart, Prose, block, table
from loadkit.report.charts import Line
from loadkit.units import format_duration
from trust import page
from trust.claim import SHARE, Claim

OUT = Path("reports/trust/soak")
FIGURES = "soak.json"
TITLE = "Soak"
METHOD = (
    "100,000 messages a second of 100 bytes for half an hour on the embedded cluster, produced and read back by one "
    "process with every check on; retention keeps the topic small. Resident memory is that which the system tells of "
    "the process, percentiles are merged by minute, and the bytes of the result's folder and of the topic's segments "
    "are looked at from outside every two seconds."
)
MIB, GB = float(1 << 20), 1e9
GROWTH_MIB = 50.0
"""Growth of resident memory after the first minute that is allowed."""
TOPIC_GB = 10.0
FILES_KIB = 24.0
"""Most that the result's folder may grow a second: an hour stays below 90 MB."""
STEEPEST = 1.5
"""Steepest minute of the folder's growth, as a multiple of the median minute's."""
KEPT = 0.99


def run(found: page.Found) -> Block | None:
    """Return the run over time."""
    rows = found["windows"]
    each = [
        [f"{row['start'] / 60:.1f}", *(_time(row.get(name)) for name in
         ("send_delay.p50", "send_delay.p99", "latency.p50", "latency.p99", "end_to_end.p99")),
         _scaled(row["rss"], MIB), f"{row['files'] / 1024:,.0f}", _scaled(row["topic"], GB, 2)]
        for row in rows
    ]  # fmt: skip
    head = ("from (min)", "send delay p50", "p99", "latency p50", "p99", "end-to-end p99", "memory (MiB)",
            "files + (KiB)", "topic (GB)")  # fmt: skip
    memory, asked = found["memory"], found["asked"]
    told = (
        f"{asked['rate']:,.0f} messages a second were asked for over {asked['seconds'] / 60:g} minutes; "
        f"{found['seconds'] / 60:.1f} minutes were measured ({found['status']}), {_count(found['offered'])} messages a "
        f"second offered and {_count(found['kept'])} kept. Memory was {memory['first'] / MIB:.0f} MiB at most in the "
        f"first minute, {memory['highest'] / MIB:.0f} later. The folder of the result has "
        f"{found['files']['bytes'] / 1e6:.1f} MB."
    )
    lines = (
        _chart("delay", "Send delay by minute", "send delay", "ms", rows,
               {"p50": ("send_delay.p50", 1e3), "p99": ("send_delay.p99", 1e3)}),
        _chart("memory", "Resident memory", "resident memory", "MiB", rows, {"highest": ("rss", 1 / MIB)}),
        _chart("topic", "The topic on disk", "topic", "GB", rows, {"highest": ("topic", 1 / GB)}),
    )  # fmt: skip
    return block("The run by minute", [Prose(told), *lines, table("By minute", head, each, folded=True, texts=())])


def _chart(
    key: str, caption: str, title: str, unit: str, rows: Sequence[Mapping[str, float | None]],
    lines: Mapping[str, tuple[str, float]],
) -> Chart:  # fmt: skip
    """Return a chart over time of figures by window, each with the factor that makes the unit of the axis."""
    t = np.array([row["start"] for row in rows], float)
    drawn = [
        Line(name, t, np.array([(row[of] or np.nan) * factor for row in rows])) for name, (of, factor) in lines.items()
    ]
    return Chart(key, caption, charts.over_time(drawn, title, unit))


def claims(found: page.Found) -> Sequence[Claim]:
    """Return what is promised: the rate, and all that must stay as it is."""
    asked, memory, files = found["asked"], found["memory"], found["files"]
    wrong = {name: value for name, value in found["integrity"].items() if name != "unsent"}
    total = None if None in wrong.values() else float(sum(wrong.values()))
    offered = f"{_count(found['offered'])} offered a second"
    return [
        Claim("minutes measured", found["seconds"] / 60, ">=", asked["seconds"] / 60 * 0.999),
        Claim("messages kept a second", found["kept"], ">=", KEPT * asked["promised"], note=offered),
        Claim("messages lost, doubled or reordered", total, "<=", 0),
        Claim("growth of memory after the first minute", memory["growth"] / MIB, "<=", GROWTH_MIB, "MiB"),
        *(_drifted(found, name) for name in ("send_delay.p50", "send_delay.p99")),
        Claim("growth of the result's files a second", files["per_second"] / 1024, "<=", FILES_KIB, "KiB"),
        Claim("steepest minute of the files' growth, times the median one", files["steepest"], "<=", STEEPEST),
        Claim("the topic on disk at most", found["topic"] / GB, "<=", TOPIC_GB, "GB"),
    ]


def _drifted(found: page.Found, name: str) -> Claim:
    drift, words = found["drift"][name], name.replace("_", " ").replace(".", " ")
    text = f"growth of {words} over the run, lower end of the interval"
    if drift is None:
        return Claim(text, None, "<=", 0, SHARE, "too few windows to tell")
    low, high = drift["interval"]
    note = f"a line through the windows' logs changes by {drift['change']:+.1%} ({low:+.1%} to {high:+.1%})"
    return Claim(text, low, "<=", 0, SHARE, note)


def _time(value: float | None) -> str:
    return "–" if value is None else format_duration(value)


def _scaled(value: float | None, by: float, digits: int = 0) -> str:
    return "–" if value is None else f"{value / by:,.{digits}f}"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


PARTS: tuple[page.Part, ...] = ((FIGURES, run),)
CLAIMS: Mapping[str, page.Claims] = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
