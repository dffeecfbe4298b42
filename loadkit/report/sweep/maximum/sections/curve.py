"""Latency against throughput with the knee, and each objective's metric over the rate with its bound."""

from __future__ import annotations

from loadkit.report import charts
from loadkit.report.block import Block, Chart, block, table
from loadkit.report.sweep import planes, words
from loadkit.report.sweep.marks import VERDICTS, Spot, Trail
from loadkit.report.sweep.maximum.view import KINDS, Probe, View
from loadkit.report.sweep.spots import axis, in_chart
from loadkit.report.sweep.view import show
from loadkit.units import format_rate

TITLE = "Latency against throughput"
ORDER = 10
_LEAD = (
    "The knee is where throughput divided by latency is largest (Kleinrock 1979): beyond it, one percent more rate "
    "costs more than one percent of latency. Short probes show where to look; only holds make the answer."
)
_TITLES = {"offered": "rate offered (msg/s)", "throughput": "throughput (msg/s)"}


def build(view: View) -> Block | None:
    """Return the curve, and a picture of each objective over the rate."""
    return block(TITLE, [_curve(view), *(_over_rate(view, name) for name in view.metrics)], _LEAD)


def _curve(view: View) -> Chart | None:
    curve = view.curve()
    if len(curve) < 2:
        return None
    name = view.latency
    line = tuple((took, latency * 1e3) for _, took, latency in curve)
    found = view.knee()
    knee = (found.rate, found.latency * 1e3) if found else None
    spots = _spots(view, name, "throughput")
    figure = planes.trails(
        [Trail("geometric mean at each rate", spots, charts.BLUE, line, knee)], _TITLES["throughput"], axis(name)
    )
    rows = [[format_rate(rate), format_rate(took), show(name, latency)] for rate, took, latency in curve]
    shown = table("the curve", ("rate offered", "throughput", words.metric(name)), rows, folded=True, texts=())
    note = "" if found else "No knee lies within the rates measured."
    return Chart("curve", f"{words.capital(words.metric(name))} against throughput", figure, shown, note)


def _over_rate(view: View, name: str) -> Chart | None:
    spots = _spots(view, name, "offered")
    if not spots:
        return None
    bound = next(((in_chart(name, one.bound) or 0.0, one.text) for one in view.slo if one.metric == name), None)
    drawn = bound if bound and bound[0] > 0 else None
    figure = planes.trails([Trail("", spots, charts.GREY, ())], _TITLES["offered"], axis(name), drawn, view.regions)
    rows = [
        [
            format_rate(probe.rate),
            KINDS.get(probe.kind, probe.kind),
            show(name, probe.metrics.get(name)),
            VERDICTS[probe.mark].name,
        ]
        for probe in sorted(view.probes, key=lambda probe: probe.rate)
    ]
    head = ("rate offered", "trial", words.metric(name), "verdict of the trial")
    shown = table(f"{words.metric(name)} by rate", head, rows, folded=True, texts=(1, 3))
    note = "Shaded: rates between which every trial passed." if view.regions else ""
    key = f"rate-{name.replace('.', '-').replace('_', '-')}"
    return Chart(
        key, f"{words.capital(words.metric(name))} over the rate", figure, shown, note, half=len(view.metrics) > 1
    )


def _spots(view: View, name: str, against: str) -> tuple[Spot, ...]:
    found = []
    for probe in view.probes:
        x = probe.rate if against == "offered" else probe.metrics.get("throughput")
        y = in_chart(name, probe.metrics.get(name))
        if x and y and y > 0:
            found.append(Spot(x, y, VERDICTS[probe.mark], hover(view, probe)))
    return tuple(found)


def hover(view: View, probe: Probe) -> str:
    """Return all facts of a trial, a line each."""
    wanted = dict.fromkeys(("throughput", *view.metrics, "latency.p50", "latency.p99", "latency.max", "lag_time.max"))
    shown = [
        f"{words.metric(name)}: {show(name, value)}"
        for name in wanted
        if (value := probe.metrics.get(name)) is not None
    ]
    head = f"{KINDS.get(probe.kind, probe.kind)} at {format_rate(probe.rate)}: {VERDICTS[probe.mark].name}"
    return "\n".join([head, *shown, f"limit: {probe.limit}", *probe.reasons])
