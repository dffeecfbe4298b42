"""The page of a sweep, made anew at any stage of it: `DIR/report.html`, replaced by rename."""

from __future__ import annotations

from pathlib import Path

from loadkit.report import page as frame
from loadkit.report.sweep import answer
from loadkit.report.sweep import sections as own_sections
from loadkit.report.sweep.view import View, view_of
from loadkit.result import PAGE
from loadkit.sweep import store

GROUP = "loadkit.sweep_sections"
"""Entry points by which other distributions add sections."""


def write(out: Path) -> Path:
    """Write the page of a sweep's folder, whatever stage it is at, and return its path.

    Raises UsageError when the folder holds no sweep.
    """
    return replace(out, sweep_page(view_of(out, store.read(out))))


def sweep_page(view: View) -> str:
    """Return the page of a sweep."""
    stored = view.stored
    started = next((trial.started_at for trial in stored.trials if trial.started_at), None)
    about = [started, stored.target_name, stored.strategy, None if stored.status == "complete" else stored.status]
    subtitle = " · ".join(str(part) for part in about if part)
    made = frame.blocks(frame.sections(own_sections, GROUP), view)
    return frame.render(answer.title(view), made, subtitle, str(stored.scenario.get("description") or ""))


def replace(out: Path, page: str) -> Path:
    """Put a page in its place at once, so that a reader never sees half of it."""
    part = out / (PAGE + ".part")
    part.write_text(page, encoding="utf-8", newline="\n")
    return part.replace(out / PAGE)
