"""Pages of a sweep, a search and a plan in a real Chromium: drawn, silent, sortable, readable on a phone, in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import max_fixture
import pytest
import sweep_fixture

pytest.importorskip("playwright", reason="playwright is not installed")
import screenshot
from browsing import Pages, loaded
from playwright.sync_api import Browser
from test_report_browser import CONTRAST

from loadkit import drive_size
from loadkit.report.sweep import page as report
from loadkit.sweep.spec import Axis

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        screenshot.chromium() is None, reason=f"no Chromium on PATH: none of {', '.join(screenshot.NAMES)}"
    ),
]
DRAWN = """
() => [...document.querySelectorAll(".plot")].map((box) => ({
    id: box.id, wanted: (box.data || []).length,
    drawn: box.querySelectorAll(".scatterlayer .trace, .barlayer .trace, .heatmaplayer .hm").length,
    x: box.querySelector(".xtitle")?.textContent, y: box.querySelector(".ytitle")?.textContent,
    named: box._fullLayout.yaxis.type === "category" || Boolean(box._fullLayout.yaxis.ticktext)}))
"""


def rates(out: Path) -> Path:
    """Write a sweep over rates: its page has a curve with a knee and a front."""
    axes = (Axis("Checkout.rate", ("200/s", "400/s", "800/s", "1000/s", "1200/s")), Axis("linger.ms", (0, 5)))
    sweep_fixture.write(out, axes, repeats=1, cluster=max_fixture.CLUSTER, duration=4.0)
    return out


def planned(out: Path) -> Path:
    """Plan the order stream from a small sweep and return its page."""
    orders = Path(__file__).parent.parent / "scenarios" / "sizing" / "orders.toml"
    drive_size.size(drive_size.Request(orders, (sweep_fixture.whole(),), out, demo=True), quiet=True)
    return out / drive_size.PAGE


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A headless Chromium."""
    with screenshot.browser() as started:
        yield started


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a kind of folder, written once."""
    there: dict[str, Path] = {}
    folders = {"sweep": sweep_fixture.whole, "max": max_fixture.whole,
               "rates": lambda: rates(tmp_path_factory.mktemp("sweeps") / "rates")}  # fmt: skip

    def of(kind: str) -> Path:
        if kind not in there:
            out = tmp_path_factory.mktemp("plans")
            there[kind] = planned(out) if kind == "plan" else report.write(folders[kind]())
        return there[kind]

    return of


@pytest.fixture(scope="module")
def opened(chrome: Browser, paths: Callable[[str], Path]) -> Pages:
    """Opens a page by the kind of its folder."""
    return Pages(chrome, paths)


@pytest.mark.parametrize(("kind", "least"), [("sweep", 7), ("rates", 6), ("max", 6), ("plan", 3)])
def test_every_chart_is_drawn_with_the_titles_of_its_axes(kind: str, least: int, opened: Pages) -> None:
    """Each chart has all its traces and both titles; the console stays empty and nothing is fetched."""
    page = opened(kind)
    charts = page.evaluate(DRAWN)
    assert len(charts) >= least
    for chart in charts:
        assert chart["wanted"] >= 1, chart
        assert chart["drawn"] == chart["wanted"], chart
        assert chart["x"], chart
        assert chart["y"] or (kind == "plan" and chart["named"]), chart  # its categories say what they are
    assert loaded(page) == []


@pytest.mark.parametrize("kind", ["sweep", "max", "plan"])
@pytest.mark.parametrize("width", [320, pytest.param(380, marks=pytest.mark.long)])
def test_a_phone_shows_it_without_scrolling_sideways(kind: str, width: int, opened: Pages) -> None:
    """Nothing is wider than the page, tables opened or not; what is wide scrolls inside its own box."""
    page = opened(kind, width, is_mobile=True, has_touch=True)
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((el) => !el.closest(".scroll, nav, svg, .plot")
             && el.getBoundingClientRect().right > innerWidth + 1).map((el) => el.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    clipped = page.evaluate(
        """() => [...document.querySelectorAll(".plot .annotation-text")].filter((el) => {
             const box = el.closest(".plot").getBoundingClientRect(), own = el.getBoundingClientRect();
             return own.right > box.right + 1 || own.left < box.left - 1; }).map((el) => el.textContent)"""
    )
    assert width < 380 or clipped == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["sweep", "max", "plan"])
def test_text_stands_out_from_its_ground(kind: str, scheme: str, opened: Pages) -> None:
    """Every text has a contrast of 4.5 to 1 or more (WCAG AA), in charts 3 to 1, light and dark."""
    page = opened(kind, scheme=scheme)
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) > 100
    weak = [
        (round(ratio, 2), text, tag)
        for ratio, text, tag in found
        if ratio < (3 if tag in ("text", "tspan") else 4.5) and not text.endswith("ms")  # cells of the heat map: below
    ]
    assert weak == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_cell_s_number_stands_out_from_its_colour(scheme: str, opened: Pages) -> None:
    """The heat map's numbers are drawn light on dark cells and dark on light ones."""
    page = opened("sweep", scheme=scheme)
    fills = page.evaluate(
        """() => [...document.querySelectorAll("#chart-heat .heatmap-label text")].map((t) => getComputedStyle(t).fill)"""
    )
    assert len(fills) == 6
    assert len(set(fills)) == 2


def test_a_click_on_a_head_sorts_by_numbers_and_a_second_one_turns_it_around(opened: Pages) -> None:
    """p99 latency from the lowest, then from the highest; the column says which way it is sorted."""
    page = opened("sweep")
    head = page.locator("table.sortable th", has_text="p99 latency").first
    values = """() => { const t = document.querySelector("table.sortable");
        const at = [...t.tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith("p99 latency"));
        return [...t.tBodies[0].rows].map((r) => Number(r.cells[at].dataset.value)); }"""
    head.locator("button").click()
    rising = page.evaluate(values)
    assert rising == sorted(rising)
    assert len(rising) == 12
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert page.evaluate(values) == sorted(rising, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"


def test_hovering_over_a_point_tells_all_its_facts(opened: Pages) -> None:
    """The settings, the figures, the limit: all that the table has of it."""
    page = opened("sweep")
    page.evaluate("document.getElementById('chart-ranks').scrollIntoView()")
    page.evaluate("Plotly.Fx.hover('chart-ranks', [{curveNumber: 0, pointNumber: 0}])")
    said = page.locator("#chart-ranks .hoverlayer").text_content() or ""
    for part in ("linger.ms", "batch.size", "acks", "p99 latency", "throughput", "limit: "):
        assert part in said


def test_the_trials_can_be_taken_away_as_csv(opened: Pages) -> None:
    """A click saves the file that the page itself holds."""
    page = opened("sweep")
    with page.expect_download() as taken:
        page.get_by_text("All trials as CSV").click()
    path = taken.value.path()
    assert path.read_text(encoding="utf-8").startswith("point,repeat,index,linger.ms")
    assert taken.value.suggested_filename == "sweep.csv"


def test_config_files_of_a_plan_can_be_copied_and_taken_away(opened: Pages) -> None:
    """The copy button takes the text of the producer file; its link saves the same text under the file's name."""
    page = opened("plan")
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.locator("button.copy").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as taken:
        page.locator("a[download]", has_text="java/producer.properties").first.click()
    text = taken.value.path().read_text(encoding="utf-8")
    assert "enable.idempotence=true" in text
    assert copied.strip()
    assert copied.strip() in page.content().replace("&quot;", '"').replace("&amp;", "&").replace("&#39;", "'")


def test_a_plan_opens_with_its_recommendation(opened: Pages) -> None:
    """What a director reads first stands in the first screen: the banner and how many brokers of which shape."""
    page = opened("plan")
    shown = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((el) => !el.children.length
             && el.getBoundingClientRect().top < innerHeight).map((el) => el.textContent).join(" ")"""
    )
    assert "shows the method, not your cluster" in shown
    assert "brokers of" in shown
