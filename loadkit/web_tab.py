"""A tab in Locust's web UI, and a page beside it at /loadkit: behind Locust's own login where that is asked for.

Locust's tabs hold tables alone, so the percentile curve has a page of its own, linked where Locust offers downloads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadkit.observed import Observed
from loadkit.result import PAGE as REPORT
from loadkit.web_view import PAGE, fragment, rows

KEY = "loadkit"


def add(web_ui: Any, base: str, seen: Observed, last: Callable[[], Path | None]) -> None:
    """Add the tab and the pages to a `locust.web.WebUI` whose addresses begin with `base`.

    `last` returns the folder of the last run that has ended.
    """
    offered = {
        "extended_tabs": {"title": KEY, "key": KEY},
        "extended_tables": {
            "key": KEY, "structure": [{"key": "what", "title": "What"}, {"key": "value", "title": "Now"}],
        },
        "extended_csv_files": {"href": KEY, "title": "loadkit: percentile curve, lag, limit and report"},
    }  # fmt: skip
    for name, mine in offered.items():  # a scenario may have tabs of its own
        web_ui.template_args[name] = [*web_ui.template_args.get(name, ()), mine]
    pages: dict[str, Callable[[], Any]] = {
        "": lambda: PAGE,
        "/view": lambda: fragment(seen, _report(last()) is not None),
        "/report": lambda: _shown(last()),
    }
    for place, made in pages.items():
        shown = web_ui.auth_required_if_enabled(_named(f"{KEY}{place}", made))
        web_ui.app.add_url_rule(f"{base}/{KEY}{place}", view_func=shown, endpoint=f"{KEY}{place}")
    _extend(web_ui.app.view_functions, seen)


def _named(name: str, made: Callable[[], Any]) -> Callable[[], Any]:
    made.__name__ = name
    return made


def _extend(views: dict[str, Callable[[], Any]], seen: Observed) -> None:
    """Let Locust's statistics, which its page asks for all the time, hold the rows of the tab too."""
    name = "locust.request_stats"
    own = views[name]

    def extended() -> Any:
        answer = own()
        if not getattr(answer, "is_json", False):  # Locust asks to log in
            return answer
        told = answer.get_json()
        data = [{"what": what, "value": value} for what, value in rows(seen)]
        others = [one for one in told.get("extended_stats", ()) if one["key"] != KEY]
        answer.set_data(json.dumps({**told, "extended_stats": [*others, {"key": KEY, "data": data}]}))
        return answer

    views[name] = extended


def _report(out: Path | None) -> Path | None:
    """Return the page of a result; None where there is none."""
    return out / REPORT if out and (out / REPORT).exists() else None


def _shown(out: Path | None) -> Any:
    page = _report(out)
    return page.read_text(encoding="utf-8") if page else ("No run has ended yet.", 404)
