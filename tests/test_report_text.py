"""The terminal table: the answer first, within its width, nothing that steers the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import result_fixture as made

from loadkit import result
from loadkit.report import answer, text
from loadkit.summary import summarise


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize("kind", made.KINDS)
def test_the_terminal_table_fits_its_width(kind: str, width: int) -> None:
    """No line is wider than the terminal and no figure is cut off."""
    view = made.view(kind)
    said = text.plain(view.result, view.summary, width)
    assert max(len(line) for line in said.splitlines()) <= width
    assert "…" not in said


def test_the_terminal_says_the_answer_first() -> None:
    """One sentence with the load, the latency, the limit and the integrity, before any table."""
    view = made.view("healthy")
    first = " ".join(text.plain(view.result, view.summary).split("\n\n")[0].split())
    assert first.startswith("✓ The load was met: 19,9")
    for part in (
        "20,000 msg/s offered for",
        "p50 3.8",
        "p99 8.",
        "p99.9 1",
        "max 2",
        "limit: none reached",
        "no message was lost",
    ):
        assert part in first


def test_the_terminal_has_a_row_a_class_and_drops_columns_when_narrow() -> None:
    """At 100 columns p90 and service time are there, at 80 they are not; the rest is."""
    view = made.view("several")
    wide, narrow = text.plain(view.result, view.summary, 100), text.plain(view.result, view.summary, 80)
    for name in ("Checkout", "Refund", "Billing", "Audit"):
        assert re.search(rf"^{name} ", wide, re.M)
        assert re.search(rf"^{name} ", narrow, re.M)
    assert "p90" in wide
    assert "service" in wide
    assert "p90" not in narrow
    assert "send delay" in narrow


def test_a_run_too_short_for_an_interval_says_so(tmp_path: Path) -> None:
    """A wave as long as the run: percentiles are shown, and that their interval cannot be told."""
    view = made.view("healthy")
    assert "95 % interval of latency p50, p99, p99.9: too short to tell" in text.plain(view.result, view.summary)
    steady = made.write(tmp_path / "run", made.Shape(seconds=20, warmup=0, cached=1))
    told = result.load(steady)
    assert "too short to tell" not in text.plain(told, summarise(told))


def test_withheld_numbers_have_a_footnote() -> None:
    """A dash with a number, and the number's reason below."""
    view = made.view("tiny")
    said = text.plain(view.result, view.summary)
    mark = re.search(r"^(\d) 80 values are too few: it takes 1,000$", said, re.M)
    assert mark
    assert "–" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(mark[1])] in said


def test_each_warning_stands_with_its_next_step() -> None:
    """The step follows the warning it belongs to."""
    view = made.view("lossy")
    said = text.plain(view.result, view.summary)
    assert re.search(r"! 120 messages were acknowledged and not received\n +→ check acks", said)


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and rich's markup in names are printed as characters."""
    out = made.write(tmp_path / "run", made.Shape(seconds=3, rate=50, producers=("[red]A[/red]",)))
    facts = json.loads((out / "result.json").read_text())
    facts["notes"] = [{"code": "x", "text": "\x1b[2Jgone", "next": "\x07"}]
    (out / "result.json").write_text(json.dumps(facts))
    loaded = result.load(out)
    said = text.plain(loaded, summarise(loaded))
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[red]A[/red]" in said


def test_the_tone_is_good_only_for_a_whole_clean_run() -> None:
    """Loss is bad; a stall, a partial run and a generator's limit are warnings."""
    tones = {
        kind: answer.tone(made.view(kind)) for kind in ("healthy", "lossy", "stalled", "partial", "generator_limited")
    }
    assert tones == {
        "healthy": "good",
        "lossy": "bad",
        "stalled": "warn",
        "partial": "warn",
        "generator_limited": "warn",
    }
