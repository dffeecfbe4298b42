"""The page of a trial as a file, its terminal table, and the arithmetic under its charts."""

from __future__ import annotations

import base64
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import result_fixture as made

from loadkit import result
from loadkit.errors import UsageError
from loadkit.report import curves, page
from loadkit.report import sections as own_sections
from loadkit.report.block import Block, Cell, Note, Prose, table


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


@pytest.mark.parametrize("kind", made.KINDS)
def test_every_kind_of_run_has_a_page_without_a_lost_section(kind: str) -> None:
    """No section raises for any kind of run, partial ones included."""
    assert "could not be made" not in made.page(kind)


def test_write_leaves_the_page_beside_the_result(tmp_path: Path) -> None:
    """`write` returns the path of report.html in the folder it was given."""
    out = made.tiny(tmp_path / "run")
    assert page.write(out) == out / "report.html"
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_folder_without_a_result_is_a_usage_error(tmp_path: Path) -> None:
    """A wrong folder is named before anything is written."""
    with pytest.raises(UsageError, match="holds no result"):
        page.write(tmp_path)


def test_the_page_embeds_plotly_once_and_names_nothing_to_fetch() -> None:
    """One copy of plotly.js, no element with an address, and a policy that forbids fetching."""
    source = made.page("healthy")
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


def test_the_answer_comes_first() -> None:
    """The first section is the answer and its first sentence says whether the load was met."""
    said = _Words(made.page("healthy")).text
    assert said.index("The load was met: 19,9") < said.index("Time by percentile")
    assert "Limit: none reached" in said
    assert "co-located: shows the method, not your cluster" in said
    assert "No message was lost, duplicated or reordered." in said


def test_a_generator_limited_run_says_it_tells_nothing_of_the_cluster() -> None:
    """Whose limit a figure is stands in the headline, with the evidence below."""
    said = _Words(made.page("generator_limited")).text
    assert "The load generator was the limit, so this says nothing of the cluster's capacity" in said
    assert "generator: a load process used 0.99 cores" in said
    assert "420,000 messages were due and never sent" in said
    assert "lower the rate or raise the limit that the evidence names" in said


def test_a_stall_is_named_though_the_load_was_met() -> None:
    """Two silent seconds of sixty are said in words."""
    assert (
        "in 2 of 60 seconds fewer than half of the messages due were acknowledged, first 38.0 s"
        in _Words(made.page("stalled")).text
    )


def test_a_partial_run_says_so_before_its_numbers() -> None:
    """`status: running` with torn files is read as far as it came, and says that first."""
    said = _Words(made.page("partial")).text
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


def test_lost_messages_are_counted_by_partition_and_number() -> None:
    """The loss, its partition and the range of message numbers are all on the page."""
    said = _Words(made.page("lossy")).text
    assert "120 lost (in orders/3)" in said
    assert re.search(r"orders/3 41,200 41,319", said)


def test_percentiles_with_too_few_values_are_greyed_with_the_reason() -> None:
    """80 values carry no p99: the cell is a dash, faint, and says what it takes."""
    source = made.page("tiny")
    assert 'title="80 values are too few: it takes 1,000"' in source
    assert re.search(r'<td class="num faint" title="80 values are too few: it takes 1,000">–<sup>\d</sup></td>', source)
    assert "<li>80 values are too few: it takes 1,000</li>" in source


def test_a_percentile_of_too_short_a_run_is_faint_and_says_so() -> None:
    """In the tile and in the table of intervals, with the reason as a footnote."""
    source = made.page("healthy")
    assert "95 %: too short to tell" in source
    assert re.search(r'<td class="num faint" title="too short to tell: \d effective blocks, it takes 10">[^<]+'
                     r"\(too short to tell\)<sup>", source)  # fmt: skip


def test_consumers_alone_have_no_producing_sections() -> None:
    """A section that does not apply is silent, and the headline speaks of consumers."""
    source = made.page("consumers_only")
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


@pytest.mark.parametrize("kind", made.KINDS)
def test_every_chart_is_one_plotly_accepts_with_titled_axes(kind: str) -> None:
    """Each figure passes plotly's own validation, has a trace with values, and axis titles with a unit."""
    found = figures(made.page(kind))
    assert len(found) >= 10
    for key, spec in found.items():
        go.Figure(spec)
        assert any(size(trace["y"]) for trace in spec["data"]), key
        assert spec["layout"]["xaxis"]["title"]["text"]
        assert re.search(r"\(.+\)$", spec["layout"]["yaxis"]["title"]["text"]), key


def test_each_chart_has_its_table() -> None:
    """What a chart shows can be read as numbers under it."""
    source = made.page("healthy")
    parts = re.findall(r'<figure class="chart.*?</figure>', source, re.S)
    assert len(parts) == len(figures(source))
    assert all("<details" in part and "<tbody>" in part for part in parts)


def test_the_percentile_curve_greys_what_the_samples_do_not_carry() -> None:
    """The coloured part of a curve ends where ten values lie beyond, and a dotted grey one goes on."""
    spec = figures(made.page("tiny"))["percentiles"]
    solid, dotted = spec["data"][0], spec["data"][1]
    assert solid["text"][-1] == "88 %"
    assert dotted["line"]["dash"] == "dot"
    assert dotted["line"]["color"] not in {
        trace["line"]["color"] for trace in spec["data"] if trace.get("showlegend") is not False
    }


@pytest.mark.long
def test_an_hour_of_seven_series_is_cut_to_what_a_screen_shows(tmp_path: Path) -> None:
    """3600 s of seven series: no trace holds more than 1000 points, no table more than 80 rows."""
    out = made.hour(tmp_path / "run")
    began, used = time.perf_counter(), time.process_time()
    path = page.write(out)
    took, used = time.perf_counter() - began, time.process_time() - used
    print(f"an hour of seven series: {took:.1f} s, {used:.1f} s of CPU, {path.stat().st_size / 1e6:.1f} MB")
    source = path.read_text(encoding="utf-8")
    sizes = {
        f"{key} {trace['name']}": size(trace["x"]) for key, spec in figures(source).items() for trace in spec["data"]
    }
    assert sizes["throughput acknowledged"] > 500
    assert max(sizes.values()) <= curves.POINTS
    assert max(body.count("<tr>") for body in re.findall(r"<tbody>.*?</tbody>", source, re.S)) <= 80
    assert len(source) < 7_000_000


def test_charts_over_time_all_reach_over_the_whole_run() -> None:
    """Charts can be compared side by side: warm-up, measured phase and drain, from 0 to 70 s."""
    found = figures(made.page("healthy"))
    ranges = {tuple(spec["layout"]["xaxis"]["range"]) for key, spec in found.items() if "percentile" not in key}
    assert ranges == {(0.0, 70.0)}


def test_a_stall_leaves_a_gap_in_the_latency_line() -> None:
    """Seconds in which nothing came back are not bridged by a line."""
    built = next(section for section in page.sections(own_sections) if section.TITLE == "Over time").build(
        made.view("stalled")
    )
    assert built
    chart = next(part for part in built.parts if getattr(part, "key", "") == "latency-over-time")
    line = next(trace for trace in chart.figure["data"] if trace["name"] == "p50")  # type: ignore[union-attr]
    y = np.frombuffer(base64.b64decode(line["y"]["bdata"]), np.float32)
    assert np.isnan(y).sum() == 1
