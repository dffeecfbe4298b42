"""`--metrics` as a user gives it, refused before anything starts or a page; and what is ours in Locust's web UI."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import screenshot
from ahead import ahead
from locust_process import Locust, free_port
from locust_process import Page as WebPage
from running import Command, run_arguments, start
from test_exporter import Page, one, parsed
from test_observed import begun

from loadkit.web_view import fragment

SCENARIO = """
from loadkit import ConsumerUser, ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    fixed_count = 4
    topic = orders
    rate = "400/s"
    payload = payloads.constant(size="100B")
class Billing(ConsumerUser):
    fixed_count = 2
    topic = orders
"""
SINK = "simulated?sink=1"
MEASURED = {"class": "Checkout", "phase": "measure"}


def scraped(port: int, until: Callable[[Page], bool], alive: Callable[[], bool], limit: float = 100.0) -> Page:
    """Return the page of a run under way as soon as it says something; fail when the run ends before."""
    deadline = time.monotonic() + limit
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                found = parsed(answer.read().decode())
            if until(found):
                return found
        except (URLError, TimeoutError, ConnectionError):  # it does not serve yet
            pass
        assert alive(), "the run has ended"
        assert time.monotonic() < deadline, "the page never said it"
        time.sleep(0.2)


def judged(found: Page, processes: int = 1) -> bool:
    """Return whether all load processes have reported and the limit so far is told."""
    return one(found, "loadkit_limit", limit="none") is not None and one(found, "loadkit_load_processes") == processes


@ahead
def distributed(folder: Path) -> Page:
    """Return the page of a run by two load processes, which is then interrupted."""
    port, scenario = free_port(), folder / "trials.py"
    scenario.write_text(SCENARIO)
    arguments = ("--workers", "2", "--warmup", "1s", "--duration", "100s", "--metrics", f"0.0.0.0:{port}",
                 "--allow-public")  # fmt: skip
    with start(scenario, SINK, folder / "run", *arguments) as command:
        found = scraped(port, lambda page: judged(page, 2), lambda: command.process.poll() is None)
        command.signal(signal.SIGINT)
        assert command.ended().code == 130
    return found


@dataclass(slots=True)
class Web:
    """What plain Locust served of one run: metrics, and what is ours in its web UI."""

    metrics: Page = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)
    """The tab's rows, as Locust's page asks for them."""
    view: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    """Texts that a Chromium showed: of the tab and of our page; empty without one."""
    early: int = 0
    """The status of the report while the run was under way."""
    report: str = ""


@ahead
def web(folder: Path) -> Web:
    """Return what was served of a run that is stopped in the web UI, its report too."""
    port, ui = free_port(), free_port()
    arguments = ("--web-host", "127.0.0.1", "--web-port", str(ui), "--autostart", "--metrics", f":{port}")
    locust = Locust(folder / "run", "--target", "simulated", "--warmup", "1s", *arguments)
    try:
        return visited(locust, WebPage(ui), port, f"http://127.0.0.1:{ui}")
    finally:
        locust.kill()


def visited(locust: Locust, page: WebPage, port: int, root: str) -> Web:
    """Do what `web` says."""
    found = Web()
    found.metrics = scraped(port, judged, lambda: locust.process.poll() is None)
    locust.until(lambda: "limit so far" in str(page.json("/stats/requests")["extended_stats"]), "shown in the tab")
    (table,) = page.json("/stats/requests")["extended_stats"]
    found.rows = {row["what"]: row["value"] for row in table["data"]}
    found.view = page.text("/loadkit/view")
    if screenshot.chromium():
        with screenshot.browser() as chrome:
            for place, what in (("/?tab=loadkit", "limit so far"), ("/loadkit", "limit so far")):
                opened = chrome.new_page()
                opened.goto(root + place)
                opened.get_by_text(what).wait_for(timeout=60_000)
                found.seen[place] = opened.inner_text("body")
                found.seen[f"{place} curves"] = str(opened.locator("svg polyline").count())
    try:
        page.text("/loadkit/report")
    except HTTPError as error:
        found.early = error.code
    page.json("/stop", now="yes")
    locust.until(lambda: "loadkit/report" in page.text("/loadkit/view"), "report linked")
    found.report = page.text("/loadkit/report")
    return found


@pytest.fixture(scope="module")
def plain(web: Web) -> Page:
    """Return the metrics of plain Locust."""
    return web.metrics


@pytest.mark.parametrize("made", ["distributed", "plain"])
def test_the_process_that_directs_serves_what_all_load_processes_made(
    made: str, distributed: Page, plain: Page
) -> None:
    """Counters, histograms and what is derived of them agree within one page."""
    found = {"distributed": distributed, "plain": plain}[made]
    sent, acked = (one(found, f"loadkit_{name}_messages_total", **MEASURED) for name in ("sent", "acked"))
    assert sent
    assert acked
    for series, count in (("latency", acked), ("service_time", acked), ("send_delay", sent)):
        assert one(found, f"loadkit_{series}_seconds_count", **MEASURED) == count
        assert one(found, f"loadkit_{series}_seconds_bucket", **MEASURED, le="+Inf") == count
    assert one(found, "loadkit_phase", phase="measure") == 1
    assert sum(value for (name, _), value in found.items() if name == "loadkit_limit") == 1
    assert one(found, "loadkit_broker_observed") == 0
    assert one(found, "loadkit_recent_seconds", series="latency", percentile="p99")


def test_what_cannot_be_served_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """A port that is taken, and a run that is over before it could be scraped: one sentence, exit code 2, no folder."""
    scenario = tmp_path / "trials.py"
    scenario.write_text(SCENARIO)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = ((SINK, f":{port}", "in use; give another port"), ("simulated", ":9646", "virtual time"))
        with ExitStack() as stack:
            begun_all = [
                stack.enter_context(Command(out, *run_arguments(scenario, target, out, "--metrics", metrics)))
                for target, metrics, says in cases
                for out in [tmp_path / says[:3]]
            ]
            for (target, metrics, says), command in zip(cases, begun_all, strict=True):
                ended = command.ended()
                assert (ended.code, ended.out.exists()) == (2, False), ended.stderr
                assert ended.stderr.startswith(f"error: --metrics{f' {metrics}' if target == SINK else ''}: ")
                assert says in ended.stderr


def test_locusts_web_ui_has_a_tab_of_what_loadkit_sees(web: Web) -> None:
    """Rates, exact percentiles and the limit so far; no lag, for the sink has no offsets."""
    assert web.rows["phase"] == "measure"
    assert " of " in web.rows["acknowledged"]
    assert web.rows["latency, last 10 s"].startswith("p50 ")
    assert web.rows["limit so far"].partition(":")[0] in ("none", "generator", "cluster", "unknown")


def test_the_page_beside_it_has_the_percentile_curves_and_links_the_report(web: Web) -> None:
    """One curve of latency and one of end-to-end time; the report can be asked for once a run has ended."""
    assert web.view.count("<polyline") == 2
    assert "Report of the last run" not in web.view
    assert web.early == 404
    assert "<title>" in web.report
    assert "plotly" in web.report.lower()


@pytest.mark.browser
def test_a_chromium_shows_the_tab_and_the_page(web: Web) -> None:
    """As a user opens them, while the run is under way."""
    if not web.seen:
        pytest.skip("no Chromium on PATH")
    assert "latency, last 10 s" in web.seen["/?tab=loadkit"]
    assert "99.9 %" in web.seen["/loadkit"]
    assert web.seen["/loadkit curves"] == "2"


def test_names_in_the_web_ui_are_text() -> None:
    """A class cannot bring markup into the page."""
    seen = begun()
    row = {"t": 0, "phase": "measure", "kind": "consumer", "name": "<b>B</b>", "received": 1, "lag": 1, "lag_time": 0.1}
    seen.seconds([], [row])
    assert "&lt;b&gt;B&lt;/b&gt;" in fragment(seen, report=False)
    assert "<b>" not in fragment(seen, report=False)
