"""The page in a real Chromium: it draws its charts, asks for nothing, and is readable on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import result_fixture as made

pytest.importorskip("playwright", reason="playwright is not installed")
import screenshot
from browsing import Pages, loaded
from playwright.sync_api import Browser

from loadkit.report import page as report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        screenshot.chromium() is None, reason=f"no Chromium on PATH: none of {', '.join(screenshot.NAMES)}"
    ),
]

CONTRAST = """
() => {
  const parse = (text) => {
    const n = (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return n.length > 3 ? n : [...n, 1];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const ground = (el) => {
    const stack = [];
    for (let at = el; at; at = at.parentElement) stack.unshift(parse(getComputedStyle(at).backgroundColor));
    return stack.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const el of document.querySelectorAll("body *")) {
    const own = [...el.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !el.getClientRects().length || el.closest("script, style, .modebar")) continue;
    const style = getComputedStyle(el), back = ground(el);
    const fore = over(parse(el.closest("svg") ? style.fill : style.color), back);
    const [high, low] = [light(fore), light(back)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), el.textContent.trim().slice(0, 40), el.tagName]);
  }
  return found;
}
"""
STROKES = """
() => [...document.querySelectorAll(".scatterlayer .trace path.js-line")].map((line) => getComputedStyle(line).stroke)
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A headless Chromium."""
    with screenshot.browser() as started:
        yield started


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a kind of run, written once."""
    there: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in there:
            there[kind] = report.write(getattr(made, kind)(tmp_path_factory.mktemp("runs") / kind))
        return there[kind]

    return of


@pytest.fixture(scope="module")
def opened(chrome: Browser, paths: Callable[[str], Path]) -> Pages:
    """Opens a page by the kind of its folder."""
    return Pages(chrome, paths)


@pytest.mark.parametrize(
    "kind",
    [
        "healthy",
        "several",
        "tiny",
        *(pytest.param(kind, marks=pytest.mark.long) for kind in ("partial", "consumers_only")),
    ],
)
def test_the_page_draws_every_chart_without_a_word_or_a_request(kind: str, opened: Pages) -> None:
    """Each chart has its lines and the titles of its axes; the console stays empty and nothing is fetched."""
    page = opened(kind)
    charts = page.evaluate(
        """() => [...document.querySelectorAll(".plot")].map((box) => ({
            id: box.id, wanted: (box.data || []).length, drawn: box.querySelectorAll(".scatterlayer .trace").length,
            x: box.querySelector(".xtitle")?.textContent, y: box.querySelector(".ytitle")?.textContent}))"""
    )
    assert len(charts) >= 10
    for chart in charts:
        assert chart["wanted"] >= 1, chart
        assert chart["drawn"] == chart["wanted"], chart
        assert chart["x"], chart
        assert chart["y"].endswith(")"), chart
    assert loaded(page) == []
    requests = [said for said in page.said if said.startswith("file:")]  # type: ignore[attr-defined]
    assert all(said.endswith("report.html") for said in requests)


def test_the_policy_stops_a_script_that_is_not_the_page_s_own(opened: Pages) -> None:
    """Markup that slipped in would not run: the policy names the hashes of the two scripts there are."""
    page = opened("tiny", fresh=True)
    ran = page.evaluate(
        """() => { const s = document.createElement("script"); s.textContent = "window.ran = true";
                   document.body.append(s); return Boolean(window.ran); }"""
    )
    assert ran is False
    fetched = page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => true, () => false)")
    assert fetched is False
    assert any("Content Security Policy" in said for said in page.said)  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [320, pytest.param(380, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["several", "lossy"])
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
    assert (
        page.evaluate("Math.max(...[...document.querySelectorAll('.plot .main-svg')].map((s) => s.clientWidth))")
        <= width
    )
    sizes = page.evaluate(
        "[...document.querySelectorAll('main p, main td')].map((el) => parseFloat(getComputedStyle(el).fontSize))"
    )
    assert min(sizes) >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["several", pytest.param("tiny", marks=pytest.mark.long)])
def test_text_stands_out_from_its_ground(kind: str, scheme: str, opened: Pages) -> None:
    """Every text has a contrast of 4.5 to 1 or more (WCAG AA), in charts 3 to 1, light and dark."""
    page = opened(kind, scheme=scheme)
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) > 200
    weak = [
        (round(ratio, 2), text, tag) for ratio, text, tag in found if ratio < (3 if tag in ("text", "tspan") else 4.5)
    ]
    assert weak == []


def test_charts_follow_the_scheme_when_it_changes(opened: Pages) -> None:
    """Lines are redrawn in the other palette; printing takes the light one, as wide as a sheet."""
    page = opened("tiny", fresh=True)
    before = page.evaluate(STROKES)
    page.emulate_media(color_scheme="dark")
    screenshot.until(page, "document.documentElement.dataset.drawn === 'dark'")
    after = page.evaluate(STROKES)
    assert len(before) == len(after) > 10
    assert not set(before) & set(after)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(STROKES) == before
    assert (
        page.evaluate("Math.max(...[...document.querySelectorAll('.plot .main-svg')].map((s) => s.clientWidth))") == 660
    )
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(STROKES) == after


def test_dragging_zooms_and_a_double_click_comes_back(opened: Pages) -> None:
    """A chart can be looked at closely."""
    page = opened()
    chart = page.locator("#chart-throughput")
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box
    span = "() => { const [a, b] = document.getElementById('chart-throughput').layout.xaxis.range; return b - a; }"
    whole = page.evaluate(span)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    screenshot.until(page, f"({span})() < {whole * 0.4}")
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, middle)
    screenshot.until(page, f"({span})() > {whole * 0.95}")


def test_the_command_line_is_there_to_copy(opened: Pages) -> None:
    """The button copies, or where the browser forbids it selects, the whole command."""
    page = opened()
    page.locator("button.copy").click()
    screenshot.until(page, "['Copied', 'Selected'].includes(document.querySelector('button.copy').textContent)")
    assert (
        "loadkit run scenarios/orders.py --target embedded:3 --set linger.ms=5"
        in page.locator(".code code").inner_text()
    )


def test_a_hostile_name_runs_nothing(chrome: Browser, tmp_path: Path) -> None:
    """A scenario named like a script is text in the page and in its charts."""
    evil = "<script>window.ran=1</script><img src=x onerror='window.ran=1'>"
    path = report.write(
        made.write(tmp_path / "run", made.Shape(seconds=3, rate=50, scenario=evil, topic=evil, producers=(evil, "B")))
    )
    context = chrome.new_context()
    page = screenshot.drawn(context.new_page(), path)
    assert page.evaluate("window.ran") is None
    assert page.locator("h1").inner_text() == evil
    assert page.locator("img").count() == 0
    context.close()
