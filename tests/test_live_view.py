"""The terminal under way: what it shows, how often it is drawn, and plain lines where there is no terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from test_observed import begun, fed, line, producer

from loadkit import progress
from loadkit.live_view import BARS, PLAIN_BARS, bars_for, sparkline, view
from loadkit.observed import Observed
from loadkit.progress import Counted, Shown


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def text(seen: Observed, width: int = 120, bars: str = BARS) -> str:
    """Return the view as text."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(view(seen, bars))
    return out.getvalue()


def test_the_view_says_rates_percentiles_lag_and_the_limit_so_far() -> None:
    """Each a line, with the last seconds as bars, and the measured phase's p99 beside the recent ones."""
    seen = fed("healthy")
    said = text(seen, 160)
    lines = {row[:14].strip(): row for row in said.splitlines()}
    assert set(lines) == {"acknowledged", "received", "latency", "end to end", "lag", "limit so far"}
    assert any(bar in lines["acknowledged"] for bar in BARS)
    assert "p99 " in lines["latency"]
    assert "last 10 s; measured so far p99 " in lines["latency"]
    assert "Billing" in lines["lag"]
    assert lines["lag"].rstrip().endswith("OK")
    assert "none  acknowledged" in lines["limit so far"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_view_fits_its_terminal(width: int) -> None:
    """Long lines are folded, never cut."""
    seen = fed("generator_limited")
    said = text(seen, width)
    assert max(map(len, said.splitlines())) <= width
    assert "generator" in said
    assert "unsent" in said


def test_before_the_first_whole_second_there_is_nothing_to_say() -> None:
    """Neither before a trial nor at its beginning."""
    assert text(Observed()).strip() == text(begun()).strip() == ""


def test_a_name_cannot_steer_the_terminal() -> None:
    """What stands in square brackets is text, no markup."""
    seen = begun()
    lag = {
        "t": 0,
        "phase": "measure",
        "kind": "consumer",
        "name": "[bold]B[/]",
        "received": 1,
        "lag": 1,
        "lag_time": 0.1,
    }
    seen.seconds([line(0, "Checkout.latency", 500)], [producer(0, due=1, sent=1, acked=1), lag])
    assert "[bold]B[/]" in text(seen)


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([0, 0], "▁▁"), ([1, 2, 4, 8], "▂▃▅█"), ([5], "█"), ([0, 10], "▁█")]
)
def test_a_sparkline_reaches_from_nothing_to_its_highest_value(values: list[float], bars: str) -> None:
    """A bar for each value."""
    assert sparkline(values) == bars


def test_a_terminal_without_block_characters_gets_plain_ones() -> None:
    """So that nothing fails to be written."""
    assert (bars_for("utf-8"), bars_for("UTF8"), bars_for("ascii"), bars_for("latin-1")) == (
        BARS,
        BARS,
        PLAIN_BARS,
        PLAIN_BARS,
    )
    assert not set(BARS) & set(text(fed("healthy"), bars=PLAIN_BARS))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that the display sees, in a list."""
    at = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: at[0])
    return at


def drawn(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that every picture is added to."""
    pictures: list[Any] = []
    monkeypatch.setattr(progress, "view", lambda seen, bars: pictures.append(bars) or "")
    return pictures


def test_a_terminal_is_drawn_a_few_times_a_second_however_often_it_is_told(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at once when the phase changes."""
    shown = Shown(Terminal(), Observed())
    pictures = drawn(shown, monkeypatch)
    for _ in range(200):  # ten seconds, twenty times a second
        shown("warmup", "", now[0] - 100, 30.0)
        now[0] += 0.05
    assert 20 <= len(pictures) <= 26
    before = len(pictures)
    shown("measure", "", 0.0, 30.0)
    assert len(pictures) == before + 1
    shown.close()


def test_a_terminal_shows_the_phase_the_view_and_what_is_said_and_then_clears_itself(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of their own stay; the moving view is taken away."""
    monkeypatch.setenv("TERM", "xterm")  # one that says it is dumb gets no moving view
    stream = Terminal()
    shown = Shown(stream, fed("healthy"))
    shown("measure", "20,000 msg/s", 12.0, 30.0)
    shown.say("warning: [w1] died")
    shown.close()
    said = stream.getvalue()
    assert "measure 12.0 s, 18.0 s left 20,000 msg/s" in said
    assert "limit so far" in said
    assert "warning: [w1] died" in said
    assert "\x1b[2K" in said[said.index("limit so far") :]


def test_elsewhere_a_line_is_said_when_a_phase_begins_and_every_five_seconds(now: list[float]) -> None:
    """As it was, whatever is observed; and nothing of the single trials of many."""
    stream = io.StringIO()
    shown = Shown(stream, fed("healthy"))
    for passed in range(12):
        shown("warmup", "x", float(passed), None)
    shown("measure", "y", 0.0, 10.0)
    Counted(shown)("measure", "z", 1.0, 10.0)
    shown.close()
    assert stream.getvalue().splitlines() == ["warmup  x", "warmup 5.00 s x", "warmup 10.0 s x", "measure  y"]
