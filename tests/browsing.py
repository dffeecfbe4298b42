"""Pages in a real Chromium, each opened once for all the tests of a module that only look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import screenshot
from playwright.sync_api import Browser, Page


class Pages:
    """Opens pages by their kind, width and scheme, and keeps what each logs, throws and requests in `page.said`."""

    def __init__(self, chrome: Browser, path: Callable[[str], Path]) -> None:
        self._chrome, self._path = chrome, path
        self._open: dict[tuple[Any, ...], Page] = {}

    def __call__(
        self, kind: str = "healthy", width: int = 1280, scheme: str = "light", fresh: bool = False, **more: Any
    ) -> Page:
        """Return the page at its top; `fresh`: one of its own, for a test that changes it for good."""
        key = (kind, width, scheme, *sorted(more))
        if fresh:
            return self._opened(kind, width, scheme, more)
        if key not in self._open:
            self._open[key] = self._opened(kind, width, scheme, more)
        page = self._open[key]
        page.evaluate("window.scrollTo(0, 0)")
        return page

    def _opened(self, kind: str, width: int, scheme: str, more: dict[str, Any]) -> Page:
        context = self._chrome.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True,  # type: ignore[arg-type]
            permissions=["clipboard-read", "clipboard-write"], **more,
        )  # fmt: skip
        page = context.new_page()
        page.said = []  # type: ignore[attr-defined]
        page.on("console", lambda message: page.said.append(message.text))  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.said.append(str(error)))  # type: ignore[attr-defined]
        page.on("request", lambda request: page.said.append(request.url) if request.url != page.url else None)  # type: ignore[attr-defined]
        return screenshot.drawn(page, self._path(kind))


def loaded(page: Page) -> list[str]:
    """Return what a page said or asked for, but for itself and pictures it made in memory."""
    return [said for said in page.said if not said.startswith(("file:", "data:", "blob:"))]  # type: ignore[attr-defined]
