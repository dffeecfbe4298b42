"""Plain Locust's web UI and changes in the number of users while a run is under way, on the simulated sink."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ahead import ahead
from locust_process import (
    Ended,
    Locust,
    Page,
    free_port,
    histograms,
    measured,
    processes,
    recorded,
    scheduled,
    sets,
    write,
)

RATE = 400.0
LOW = ["--target", "simulated", "--warmup", "1s", *sets("Checkout.rate=400/s", "Checkout.payload.size=200B")]


@dataclass(slots=True)
class Visit:
    """What a visitor of the web UI saw and left."""

    live: dict[str, Any] = field(default_factory=dict)
    """A row of /stats/requests in mid-run."""
    stopped: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rows of /stats/requests after the first run."""
    first: Ended | None = None
    second: Ended | None = None


@ahead
def visit(folder: Path) -> Visit:
    """Return a visit: start, fewer users, all users again, stop, a second run, stop, Ctrl-C."""
    port = free_port()
    locust = Locust(folder / "run", "--web-host", "127.0.0.1", "--web-port", str(port), *processes(2), *LOW)
    try:
        return visited(locust, Page(port))
    finally:
        locust.kill()


def visited(locust: Locust, page: Page) -> Visit:
    """Do what `visit` says."""
    seen = Visit()
    locust.until(page.up, "answering")
    locust.until(lambda: page.json("/worker-count")["worker_count"] == 2, "connected")
    page.json("/swarm", user_count=7, spawn_rate=7)
    locust.until_measuring(2)
    page.json("/swarm", user_count=4, spawn_rate=10)
    locust.until(lambda: "4 users share" in locust.said, "sharing among four")
    time.sleep(2)
    page.json("/swarm", user_count=7, spawn_rate=10)
    locust.until(lambda: "7 users share" in locust.said.partition("4 users share")[2], "sharing among seven")
    time.sleep(2)
    seen.live = page.stats()["Checkout"]
    page.json("/stop", now="yes")
    time.sleep(2.5)  # Locust keeps an answer for two seconds
    seen.stopped = page.stats()
    begun = locust.said.count("loadkit: measure")
    page.json("/swarm", user_count=7, spawn_rate=7)
    locust.until(lambda: locust.said.count("loadkit: measure") > begun, "measuring again")
    time.sleep(2)
    page.json("/stop", now="yes")
    locust.group(signal.SIGINT)
    ended = locust.ended()
    seen.first = ended
    seen.second = Ended(ended.code, ended.said, ended.out.with_name("run-2"))
    return seen


def complete(ended: Ended | None) -> None:
    """Fail unless everything that was due was sent once and confirmed."""
    assert ended
    result = ended.result
    total = result["totals"]["Checkout"]
    assert total["due"] == total["sent"] == total["acked"], total
    assert total["due"] in scheduled(RATE, measured(result)), (total, result["phases"])
    assert result["status"] == "complete"


def test_a_run_begun_and_stopped_in_the_web_ui_is_complete(visit: Visit) -> None:
    """/swarm starts it, /stop answers when it has drained and its result is on disk; Locust goes on."""
    assert visit.first
    visit.first.in_order()
    complete(visit.first)


def test_a_second_run_has_a_folder_of_its_own(visit: Visit) -> None:
    """The same page starts another run, as complete as the first and with its own counts."""
    complete(visit.second)
    assert visit.first
    assert visit.second
    assert visit.first.result["run_id"] != visit.second.result["run_id"]
    assert visit.second.result["notes"] == []


def test_fewer_and_more_users_share_the_same_rate(visit: Visit) -> None:
    """From 7 to 4 and back: each change holds from one stated instant, and no message is due twice or never."""
    assert visit.first
    notes = [note["text"] for note in visit.first.result["notes"] if note["code"] == "users_changed"]
    assert [note.split(" users")[0] for note in notes] == ["4", "7"]


def test_the_web_ui_shows_true_counts(visit: Visit) -> None:
    """Its rows count what the log of histograms holds, warm-up included."""
    assert visit.first
    counts = recorded(visit.first.out)
    shown = {name: row["num_requests"] for name, row in visit.stopped.items()}
    sent, got = counts["Checkout.latency"], counts["Billing.end_to_end"]
    assert shown == {"Checkout": sent, "Billing": got, "Aggregated": sent + got}
    assert 0 < visit.live["num_requests"] < sent


def test_the_web_ui_shows_true_percentiles(visit: Visit) -> None:
    """Median and p95 are those of the merged histograms to a thousandth, in ms with decimals."""
    assert visit.first
    whole, row = histograms(visit.first.out)["Checkout.latency"], visit.stopped["Checkout"]
    for percent, name in ((50, "median_response_time"), (95, "response_time_percentile_0.95")):
        assert row[name] == pytest.approx(whole.get_value_at_percentile(percent) / 1000, rel=0.02), name


CHANGING = """
    import gevent
    from locust import HttpUser, events, task
    from loadkit import ConsumerUser, ProducerUser, Topic, payloads

    orders = Topic("orders", partitions=4)

    class Checkout(ProducerUser):
        weight = 3
        topic = orders
        rate = "400/s"
        payload = payloads.constant(size="100B")

    class Billing(ConsumerUser):
        topic = orders

    class Visitor(HttpUser):
        weight = 1
        wait_time = lambda self: 0.2

        @task
        def look(self):
            self.client.get("/")

    @events.test_start.add_listener
    def begun(environment, **_):
        gevent.spawn(change, environment)

    def change(environment):
        while not environment.loadkit.master.trial or not environment.loadkit.master.trial.connected:
            gevent.sleep(0.1)
        for users in (8, 12, 3):
            environment.runner.start(users, 20)
            gevent.sleep(4)
        environment.runner.quit()
"""


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def site() -> Iterator[str]:
    """Yield the address of a web server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@ahead
def changing(folder: Path) -> Ended:
    """Return a run in which users by weight, some of them HTTP users, come and go."""
    file = write(folder / "changing.py", CHANGING)
    with site() as address:
        flags = ["--headless", "-u", "8", "--host", address, "--target", "simulated", "--warmup", "1s"]
        return Locust(folder / "changing", *flags, "--csv", str(folder / "changing"), file=file).ended()


def test_weighted_classes_and_http_users_work_beside_ours(changing: Ended) -> None:
    """Users by weight come and go (8, 12, 3) in one process; the class's rate stays, and so does the HTTP load."""
    ended = changing.in_order()
    complete(ended)
    texts = [note["text"] for note in ended.result["notes"] if note["code"] == "users_changed"]
    assert len(texts) == 2
    rows = ended.out.with_name("changing_stats.csv").read_text()
    assert "GET,/," in rows
    assert f"PRODUCE,Checkout,{recorded(ended.out)['Checkout.latency']},0," in rows
