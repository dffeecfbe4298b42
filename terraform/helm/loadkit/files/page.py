"""Pass loadkit's page of metrics on from this pod's loopback, where alone it is served: that page and nothing else.

usage: page.py PORT PORT_OF_LOADKIT
"""

from __future__ import annotations

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen


class Page(BaseHTTPRequestHandler):
    """Answers Prometheus; until the run serves its page, with 503."""

    def do_GET(self) -> None:
        """Answer with the page as it is now."""
        if self.path != "/metrics":
            self.send_error(404)
            return
        asked = Request(THERE, headers={"Accept": self.headers.get("Accept", "*/*")})
        try:
            with urlopen(asked, timeout=10) as answer:
                page, kind = answer.read(), answer.headers["Content-Type"]
        except OSError as error:
            self.send_error(503, explain=f"no run serves its page: {error}")
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing: there is a scrape every few seconds."""


HERE, THERE = int(sys.argv[1]), f"http://127.0.0.1:{int(sys.argv[2])}/metrics"
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the first process of a container is not ended by it otherwise
ThreadingHTTPServer(("", HERE), Page).serve_forever()
