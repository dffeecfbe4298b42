"""The page of a sweep or of a search, made anew at any stage of it: `DIR/report.html`, replaced by rename."""

from __future__ import annotations

from pathlib import Path

from loadkit.report import page as frame
from loadkit.report.sweep import answer
from loadkit.report.sweep import sections as sweep_sections
from loadkit.report.sweep.maximum import answer as max_answer
from loadkit.report.sweep.maximum import sections as max_sections
from loadkit.report.sweep.maximum import view as max_view
from loadkit.report.sweep.view import View, view_of
from loadkit.sweep import max_file, store

SWEEP_GROUP, MAX_GROUP = "loadkit.sweep_sections", "loadkit.max_sections"
"""Entry points by which other distributions add sections."""


def write(out: Path) -> Path:
    """Write the page of the sweep or search in a folder, whatever stage it is at, and return its path.

    Raises UsageError when the folder holds neither.
    """
    if (out / max_file.FILE).exists():
        return frame.replace(out, max_page(max_view.read(out)))
    return frame.replace(out, sweep_page(view_of(out, store.read(out))))


def sweep_page(view: View) -> str:
    """Return the page of a sweep."""
    stored = view.stored
    started = next((trial.started_at for trial in stored.trials if trial.started_at), None)
    about = [started, stored.target_name, stored.strategy, None if stored.status == "complete" else stored.status]
    subtitle = " · ".join(str(part) for part in about if part)
    made = frame.blocks(frame.sections(sweep_sections, SWEEP_GROUP), view)
    return frame.render(answer.title(view), made, subtitle, str(stored.scenario.get("description") or ""))


def max_page(view: max_view.View) -> str:
    """Return the page of a search for the highest rate."""
    facts = view.facts
    about = [
        facts.get("started_at"),
        facts.get("target_name"),
        None if facts["status"] == "complete" else facts["status"],
    ]
    subtitle = " · ".join(str(part) for part in about if part)
    made = frame.blocks(frame.sections(max_sections, MAX_GROUP), view)
    description = str((facts.get("scenario") or {}).get("description") or "")
    return frame.render(max_answer.title(view), made, subtitle, description)
