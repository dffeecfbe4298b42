"""A picture of a report by a real Chromium: `python tests/screenshot.py RESULTS docs/report.png`.

RESULTS is a folder that `loadkit run --out` wrote; without it a made-up healthy run is drawn.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the path of the first Chromium on PATH; None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a headless Chromium from PATH, which ends with the block."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def drawn(page: Page, path: Path) -> Page:
    """Open a report and wait until its charts stand."""
    page.goto(path.resolve().as_uri())
    until(page, "Boolean(document.documentElement.dataset.drawn)")
    return page


def until(page: Page, condition: str, seconds: float = 20.0) -> None:
    """Wait until a JavaScript expression is true; playwright's own wait needs eval, which the page's policy forbids."""
    for _ in range(int(seconds / 0.05)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise TimeoutError(f"not true within {seconds:.0f} s: {condition}")


def picture(html: Path, png: Path, *, width: int = 1280, height: int = 1480, scheme: str = "light") -> None:
    """Write the top of a report as a PNG."""
    with browser() as started:
        context = started.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        page = drawn(context.new_page(), html)
        png.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=png)


def main(arguments: list[str]) -> int:
    """Draw the report of a folder of results, or of a made-up run, into a PNG."""
    from loadkit.report.page import write

    *given, png = arguments
    if given:
        picture(write(Path(given[0])), Path(png))
        return 0
    import result_fixture

    with tempfile.TemporaryDirectory() as folder:
        picture(write(result_fixture.healthy(Path(folder) / "run")), Path(png))
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not sys.argv[-1].endswith(".png"):
        sys.exit(__doc__)
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main(sys.argv[1:]))
