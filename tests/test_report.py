"""The page of a trial as a file, its terminal table, and the arithmetic under its charts."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import result_fixture as made
from hypothesis import given
from hypothesis import strategies as st

from loadkit import result
from loadkit.errors import UsageError
from loadkit.histogram import Histogram
from loadkit.report import answer, curves, page, text
from loadkit.report import sections as own_sections
from loadkit.report.block import Block, Cell, Note, Prose, table
from loadkit.report.flat import flat
from loadkit.report.view import View, natural, parted, view_of
from loadkit.summary import summarise

KINDS: dict[str, Callable[[Path], Path]] = {
    "healthy": made.healthy,
    "stalled": made.stalled,
    "generator_limited": made.generator_limited,
    "partial": made.partial,
    "consumers_only": made.consumers_only,
    "tiny": made.tiny,
    "lossy": made.lossy,
    "several": made.several,
}


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], View]:
    """A view of each kind of run, made once."""
    there: dict[str, View] = {}

    def of(kind: str) -> View:
        if kind not in there:
            loaded = result.load(KINDS[kind](tmp_path_factory.mktemp("runs") / kind))
            there[kind] = view_of(loaded, summarise(loaded))
        return there[kind]

    return of


@pytest.fixture(scope="module")
def pages(views: Callable[[str], View]) -> Callable[[str], str]:
    """The page of each kind of run, made once."""
    there: dict[str, str] = {}

    def of(kind: str) -> str:
        if kind not in there:
            there[kind] = page.trial_page(views(kind))
        return there[kind]

    return of


class _Words(HTMLParser):
    """Collects the words a reader sees, and every tag with its attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self._hidden = 0
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.said.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(self.said)


def figures(source: str) -> dict[str, dict[str, Any]]:
    """Return the charts of a page by key."""
    found = re.findall(
        r'<script type="application/json" class="figure" data-for="chart-([\w-]+)">(.*?)</script>', source, re.S
    )
    return {key: json.loads(spec) for key, spec in found}


def size(values: Any) -> int:
    """Return how many values a trace's axis holds, base64 or plain."""
    if isinstance(values, dict):
        return len(values["bdata"]) * 3 // 4 // int(values["dtype"][1:])
    return len(values)


# The page


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_a_page_without_a_lost_section(kind: str, pages: Callable[[str], str]) -> None:
    """No section raises for any kind of run, partial ones included."""
    assert "could not be made" not in pages(kind)


def test_write_leaves_the_page_beside_the_result(tmp_path: Path) -> None:
    """`write` returns the path of report.html in the folder it was given."""
    out = made.tiny(tmp_path / "run")
    assert page.write(out) == out / "report.html"
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_folder_without_a_result_is_a_usage_error(tmp_path: Path) -> None:
    """A wrong folder is named before anything is written."""
    with pytest.raises(UsageError, match="holds no result"):
        page.write(tmp_path)


def test_the_page_embeds_plotly_once_and_names_nothing_to_fetch(pages: Callable[[str], str]) -> None:
    """One copy of plotly.js, no element with an address, and a policy that forbids fetching."""
    source = pages("healthy")
    assert source.count("* plotly.js v") == 1
    parsed = _Words(source)
    addresses = [
        value
        for _, attrs in parsed.tags
        for name, value in attrs.items()
        if name in ("src", "href", "action", "srcset")
    ]
    assert addresses
    assert all(value and value.startswith("#") for value in addresses)
    assert not any(tag in ("link", "iframe", "img", "base") for tag, _ in parsed.tags)
    policy = next(
        attrs["content"] for tag, attrs in parsed.tags if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_the_answer_comes_first(pages: Callable[[str], str]) -> None:
    """The first section is the answer and its first sentence says whether the load was met."""
    said = _Words(pages("healthy")).text
    assert said.index("The load was met: 19,9") < said.index("Time by percentile")
    assert "Limit: none reached" in said
    assert "co-located: shows the method, not your cluster" in said
    assert "No message was lost, duplicated or reordered." in said


def test_a_generator_limited_run_says_it_tells_nothing_of_the_cluster(pages: Callable[[str], str]) -> None:
    """Whose limit a figure is stands in the headline, with the evidence below."""
    said = _Words(pages("generator_limited")).text
    assert "The load generator was the limit, so this says nothing of the cluster's capacity" in said
    assert "generator: a load process used 0.99 cores" in said
    assert "420,000 messages were due and never sent" in said
    assert "lower the rate or raise the limit that the evidence names" in said


def test_a_stall_is_named_though_the_load_was_met(pages: Callable[[str], str]) -> None:
    """Two silent seconds of sixty are said in words."""
    assert (
        "in 2 of 60 seconds fewer than half of the messages due were acknowledged, first 38.0 s"
        in _Words(pages("stalled")).text
    )


def test_a_partial_run_says_so_before_its_numbers(pages: Callable[[str], str]) -> None:
    """`status: running` with torn files is read as far as it came, and says that first."""
    said = _Words(pages("partial")).text
    assert said.index("Interrupted after 28.0 s (20.0 s of them measured), partial") < said.index("The load was met")
    assert "the run ended before it could be verified" in said
    assert "1 line of series.jsonl was torn" in said


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    """The error that ended a run stands in the first sentence."""
    out = made.partial(tmp_path / "run")
    facts = json.loads((out / "result.json").read_text())
    (out / "result.json").write_text(json.dumps({**facts, "status": "failed", "error": "broker 2 went away"}))
    said = _Words(page.write(out).read_text(encoding="utf-8")).text
    assert said.index("Failed after 28.0 s (20.0 s of them measured), partial: broker 2 went away") < said.index(
        "The load was met"
    )


def test_lost_messages_are_counted_by_partition_and_number(pages: Callable[[str], str]) -> None:
    """The loss, its partition and the range of message numbers are all on the page."""
    said = _Words(pages("lossy")).text
    assert "120 lost (in orders/3)" in said
    assert re.search(r"orders/3 41,200 41,319", said)


def test_percentiles_with_too_few_values_are_greyed_with_the_reason(pages: Callable[[str], str]) -> None:
    """80 values carry no p99: the cell is a dash, faint, and says what it takes."""
    source = pages("tiny")
    assert 'title="80 values are too few: it takes 1,000"' in source
    assert re.search(r'<td class="num faint" title="80 values are too few: it takes 1,000">–<sup>\d</sup></td>', source)
    assert "<li>80 values are too few: it takes 1,000</li>" in source


def test_consumers_alone_have_no_producing_sections(pages: Callable[[str], str]) -> None:
    """A section that does not apply is silent, and the headline speaks of consumers."""
    source = pages("consumers_only")
    assert "The consumers kept up: they received" in _Words(source).text
    assert "waiting" not in figures(source)
    assert "latency-over-time" not in figures(source)
    assert "end_to_end-over-time" in figures(source)


def test_text_of_a_result_cannot_become_markup(tmp_path: Path) -> None:
    """A scenario, topic, class or error named like a tag is shown, not obeyed."""
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    out = made.write(tmp_path / "run", made.Shape(seconds=3, rate=50, scenario=evil, topic=evil, producers=(evil, "B")))
    facts = json.loads((out / "result.json").read_text())
    facts["notes"] = [{"code": "x", "text": evil, "next": evil}]
    facts["environment"] = {evil: evil}
    facts["argv"] = ["loadkit", evil]
    (out / "result.json").write_text(json.dumps(facts))
    source = page.write(out).read_text(encoding="utf-8")
    parsed = _Words(source)
    assert "<script>alert" not in source
    assert not any(tag == "img" for tag, _ in parsed.tags)
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    assert evil in parsed.said
    names = [trace["name"] for spec in figures(source).values() for trace in spec["data"]]
    assert names
    assert not any("<" in name for name in names)


def test_a_section_that_raises_becomes_a_note() -> None:
    """One broken section leaves the others as they are."""

    def broken(view: object) -> Block | None:
        raise KeyError("brokers")

    found = [
        SimpleNamespace(TITLE="Broken", ORDER=1, build=broken),
        SimpleNamespace(TITLE="Silent", ORDER=2, build=lambda view: None),
        SimpleNamespace(TITLE="Whole", ORDER=3, build=lambda view: Block("Whole", (Prose("here"),))),
    ]
    built = page.blocks(found, object())
    assert [block.title for block in built] == ["Broken", "Whole"]
    assert isinstance(built[0].parts[0], Note)
    assert "KeyError: 'brokers'" in built[0].parts[0].text


def test_sections_stand_in_their_order() -> None:
    """Every file of the sections folder is found, and the answer comes first."""
    found = page.sections(own_sections)
    files = list((Path(own_sections.__file__).parent).glob("[a-z]*.py"))
    assert len(found) == len(files)
    assert [section.ORDER for section in found] == sorted(section.ORDER for section in found)
    assert found[0].TITLE == "Answer"


def test_the_frame_renders_blocks_that_are_no_trial() -> None:
    """Another page (a sweep, a gate) uses the same frame; without charts it carries no plotly."""
    source = page.render(
        "Any <page>", [Block("One", (Prose("a & b"), table("T", ("a", "b"), [["x", Cell("1", "why")]])))], "sub"
    )
    said = _Words(source).text
    assert "Any <page>" in said
    assert "a & b" in said
    assert len(source) < 40_000


def test_facts_that_are_missing_do_not_lose_the_page(tmp_path: Path) -> None:
    """A result.json with the least a reader needs still gives a page whose sections all stand."""
    out = made.tiny(tmp_path / "run")
    facts = json.loads((out / "result.json").read_text())
    kept = {key: facts[key] for key in ("schema", "status", "phases")}
    (out / "result.json").write_text(json.dumps(kept))
    source = page.write(out).read_text(encoding="utf-8")
    assert "could not be made" not in source
    assert "The load was met" in _Words(source).text


def test_a_run_that_never_measured_has_a_page(tmp_path: Path) -> None:
    """A run that failed while connecting says that nothing was measured."""
    writer = result.Writer(tmp_path / "run", {"command": "run"})
    writer.close(status="failed", error="no broker answered")
    said = _Words(page.write(tmp_path / "run").read_text(encoding="utf-8")).text
    assert "no broker answered" in said
    assert "Nothing was measured" in said


# Charts


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_is_one_plotly_accepts_with_titled_axes(kind: str, pages: Callable[[str], str]) -> None:
    """Each figure passes plotly's own validation, has a trace with values, and axis titles with a unit."""
    found = figures(pages(kind))
    assert len(found) >= 10
    for key, spec in found.items():
        go.Figure(spec)
        assert any(size(trace["y"]) for trace in spec["data"]), key
        assert spec["layout"]["xaxis"]["title"]["text"]
        assert re.search(r"\(.+\)$", spec["layout"]["yaxis"]["title"]["text"]), key


def test_each_chart_has_its_table(pages: Callable[[str], str]) -> None:
    """What a chart shows can be read as numbers under it."""
    source = pages("healthy")
    parts = re.findall(r'<figure class="chart.*?</figure>', source, re.S)
    assert len(parts) == len(figures(source))
    assert all("<details" in part and "<tbody>" in part for part in parts)


def test_the_percentile_curve_greys_what_the_samples_do_not_carry(pages: Callable[[str], str]) -> None:
    """The coloured part of a curve ends where ten values lie beyond, and a dotted grey one goes on."""
    spec = figures(pages("tiny"))["percentiles"]
    solid, dotted = spec["data"][0], spec["data"][1]
    assert solid["text"][-1] == "88 %"
    assert dotted["line"]["dash"] == "dot"
    assert dotted["line"]["color"] not in {
        trace["line"]["color"] for trace in spec["data"] if trace.get("showlegend") is not False
    }


def test_an_hour_of_seven_series_is_cut_to_what_a_screen_shows(tmp_path: Path) -> None:
    """3600 s of seven series: no trace holds more than 1000 points, no table more than 80 rows."""
    out = made.hour(tmp_path / "run")
    began = time.perf_counter()
    path = page.write(out)
    print(
        f"rendered an hour of seven series in {time.perf_counter() - began:.1f} s, {path.stat().st_size / 1e6:.1f} MB"
    )
    source = path.read_text(encoding="utf-8")
    sizes = {
        f"{key} {trace['name']}": size(trace["x"]) for key, spec in figures(source).items() for trace in spec["data"]
    }
    assert sizes["throughput acknowledged"] > 500
    assert max(sizes.values()) <= curves.POINTS
    assert max(body.count("<tr>") for body in re.findall(r"<tbody>.*?</tbody>", source, re.S)) <= 80
    assert len(source) < 7_000_000


def test_charts_over_time_all_reach_over_the_whole_run(pages: Callable[[str], str]) -> None:
    """Charts can be compared side by side: warm-up, measured phase and drain, from 0 to 70 s."""
    found = figures(pages("healthy"))
    ranges = {tuple(spec["layout"]["xaxis"]["range"]) for key, spec in found.items() if "percentile" not in key}
    assert ranges == {(0.0, 70.0)}


def test_a_stall_leaves_a_gap_in_the_latency_line(views: Callable[[str], View]) -> None:
    """Seconds in which nothing came back are not bridged by a line."""
    built = next(section for section in page.sections(own_sections) if section.TITLE == "Over time").build(
        views("stalled")
    )
    assert built
    chart = next(part for part in built.parts if getattr(part, "key", "") == "latency-over-time")
    line = next(trace for trace in chart.figure["data"] if trace["name"] == "p50")  # type: ignore[union-attr]
    y = np.frombuffer(base64.b64decode(line["y"]["bdata"]), np.float32)
    assert np.isnan(y).sum() == 1


# Arithmetic


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=400), st.integers(4, 60))
def test_an_envelope_keeps_the_ends_and_the_extremes(values: list[float], points: int) -> None:
    """At most `points` places, in order, with the first, the last, the highest and the lowest value among them."""
    y = np.array(values, float)
    kept = curves.envelope(y, points)
    assert len(kept) <= max(points, 0) or len(y) <= points
    assert list(kept) == sorted(set(kept))
    if len(y):
        assert kept[0] == 0
        assert kept[-1] == len(y) - 1
    if len(y) and not np.isnan(y).all():
        assert np.nanmax(y[kept]) == np.nanmax(y)
        assert np.nanmin(y[kept]) == np.nanmin(y)


def test_the_percentile_curve_is_the_histogram_s_own_quantiles() -> None:
    """The value at x = 1/(1-q) is the quantile q, and the carried part ends at n / 10."""
    whole = Histogram()
    whole.record(np.random.default_rng(1).integers(100, 90_000, 5000))
    x, y, carried = curves.percentile_curve(whole)
    assert x[carried - 1] == pytest.approx(500)
    assert x[-1] == pytest.approx(5000)
    assert y[7] == pytest.approx(whole.quantile(1 - 1 / x[7]) / 1e6)
    assert y[-1] == pytest.approx(whole.max / 1e6)
    assert (np.diff(y) >= 0).all()


def test_windows_merge_histograms_and_never_average_percentiles(views: Callable[[str], View]) -> None:
    """The p99 of a window is that of its merged seconds; of the whole run, the summary's."""
    view = views("healthy")
    track = view.track("latency")
    assert track is not None
    start, end = view.result.measured
    _, counts, values, maxima = curves.by_window(track, 3600, (0.5, 0.99))
    assert counts.tolist() == [len(track.total)]
    assert values[0].tolist() == [view.summary.metrics["latency.p50"], view.summary.metrics["latency.p99"]]
    assert maxima[0] == view.summary.metrics["latency.max"]
    t, counts, values, _ = curves.by_window(track, 10, (0.5, 0.99))
    assert counts.sum() == len(track.total)
    assert t[0] <= start
    assert t[-1] < end
    merged = Histogram()
    merged.counts = np.asarray(track.counts[track.seconds // 10 == 2].sum(axis=0)).ravel()
    merged.max = int(track.maxima[track.seconds // 10 == 2].max())
    assert values[list(t).index(20.0)].tolist() == (merged.quantiles([0.5, 0.99]) / 1e6).tolist()


def test_a_window_with_too_few_values_has_no_p99(views: Callable[[str], View]) -> None:
    """Twenty values a second carry a median and no p99."""
    track = views("tiny").track("latency")
    assert track is not None
    _, counts, values, _ = curves.by_window(track, 1, (0.5, 0.99))
    assert counts.tolist() == [20, 20, 20, 20]
    assert not np.isnan(values[:, 0]).any()
    assert np.isnan(values[:, 1]).all()
    assert curves.window_of(track, 0.99) == 60


@pytest.mark.parametrize(
    ("span", "rows", "width"), [(60, 60, 1), (61, 60, 2), (3600, 60, 60), (3601, 60, 120), (1e6, 60, 16667)]
)
def test_a_window_is_the_shortest_that_fits_the_rows(span: float, rows: int, width: int) -> None:
    """Round lengths as long as there are any."""
    assert curves.window_for(span, rows) == width


def test_grouping_means_and_maxima() -> None:
    """Windows count from zero; a NaN is no value."""
    t, y = np.arange(6.0), np.array([1, 3, np.nan, 5, 8, 2], float)
    assert [side.tolist() for side in curves.grouped(t, y, 2, "mean")] == [[0, 2, 4], [2, 5, 5]]
    assert [side.tolist() for side in curves.grouped(t, y, 2, "max")] == [[0, 2, 4], [3, 5, 8]]


def test_names_with_numbers_sort_as_people_count() -> None:
    """orders/2 stands before orders/10."""
    assert sorted(["orders/10", "orders/2", "a/3", "orders"], key=natural) == ["a/3", "orders", "orders/2", "orders/10"]


def test_a_number_parts_from_its_unit_unless_it_is_compound() -> None:
    """A tile shows the unit smaller."""
    assert parted("8.39 ms") == ("8.39", "ms")
    assert parted("2 m 05 s") == ("2 m 05 s", "")
    assert parted("12") == ("12", "")


def test_nested_facts_become_dotted_rows() -> None:
    """Leaves in their order, empty mappings and nothing as a dash."""
    nested = {"a": {"b": 1, "c": [True, 2.0]}, "d": None, "e": {}, "f": []}
    assert flat(nested) == [
        ("a.b", "1"),
        ("a.c", "true, 2"),
        ("d", "–"),
        ("e", "–"),
        ("f", "–"),
    ]


# The terminal


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize("kind", KINDS)
def test_the_terminal_table_fits_its_width(kind: str, width: int, views: Callable[[str], View]) -> None:
    """No line is wider than the terminal and no figure is cut off."""
    view = views(kind)
    said = text.plain(view.result, view.summary, width)
    assert max(len(line) for line in said.splitlines()) <= width
    assert "…" not in said


def test_the_terminal_says_the_answer_first(views: Callable[[str], View]) -> None:
    """One sentence with the load, the latency, the limit and the integrity, before any table."""
    view = views("healthy")
    first = " ".join(text.plain(view.result, view.summary).split("\n\n")[0].split())
    assert first.startswith("✓ The load was met: 19,9")
    for part in (
        "20,000 msg/s offered for",
        "p50 3.8",
        "p99 8.",
        "p99.9 1",
        "max 2",
        "limit: none reached",
        "no message was lost",
    ):
        assert part in first


def test_the_terminal_has_a_row_a_class_and_drops_columns_when_narrow(views: Callable[[str], View]) -> None:
    """At 100 columns p90 and service time are there, at 80 they are not; the rest is."""
    view = views("several")
    wide, narrow = text.plain(view.result, view.summary, 100), text.plain(view.result, view.summary, 80)
    for name in ("Checkout", "Refund", "Billing", "Audit"):
        assert re.search(rf"^{name} ", wide, re.M)
        assert re.search(rf"^{name} ", narrow, re.M)
    assert "p90" in wide
    assert "service" in wide
    assert "p90" not in narrow
    assert "send delay" in narrow


def test_withheld_numbers_have_a_footnote(views: Callable[[str], View]) -> None:
    """A dash with a number, and the number's reason below."""
    view = views("tiny")
    said = text.plain(view.result, view.summary)
    mark = re.search(r"^(\d) 80 values are too few: it takes 1,000$", said, re.M)
    assert mark
    assert "–" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(mark[1])] in said


def test_each_warning_stands_with_its_next_step(views: Callable[[str], View]) -> None:
    """The step follows the warning it belongs to."""
    view = views("lossy")
    said = text.plain(view.result, view.summary)
    assert re.search(r"! 120 messages were acknowledged and not received\n +→ check acks", said)


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and rich's markup in names are printed as characters."""
    out = made.write(tmp_path / "run", made.Shape(seconds=3, rate=50, producers=("[red]A[/red]",)))
    facts = json.loads((out / "result.json").read_text())
    facts["notes"] = [{"code": "x", "text": "\x1b[2Jgone", "next": "\x07"}]
    (out / "result.json").write_text(json.dumps(facts))
    loaded = result.load(out)
    said = text.plain(loaded, summarise(loaded))
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[red]A[/red]" in said


def test_the_tone_is_good_only_for_a_whole_clean_run(views: Callable[[str], View]) -> None:
    """Loss is bad; a stall, a partial run and a generator's limit are warnings."""
    tones = {kind: answer.tone(views(kind)) for kind in ("healthy", "lossy", "stalled", "partial", "generator_limited")}
    assert tones == {
        "healthy": "good",
        "lossy": "bad",
        "stalled": "warn",
        "partial": "warn",
        "generator_limited": "warn",
    }
