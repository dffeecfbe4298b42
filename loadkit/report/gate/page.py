"""The page of a gate, and of two results compared: `DIR/report.html`."""

from __future__ import annotations

from pathlib import Path

from loadkit.report import page as frame
from loadkit.report.gate import sections
from loadkit.report.gate.view import View, read

GROUP = "loadkit.gate_sections"
"""Entry points by which other distributions add sections."""


def write(out: Path) -> Path:
    """Write the page of the gate in a folder and return its path; UsageError when there is none."""
    return frame.replace(out, gate_page(read(out)))


def gate_page(view: View) -> str:
    """Return the page of a gate."""
    document = view.document
    names = dict.fromkeys(str(one["name"]) for one in document["scenario"])
    targets = dict.fromkeys(str(side["target"]) for side in document["sides"])
    status = None if document["status"] == "complete" else document["status"]
    about = [document.get("started_at"), " against ".join(targets), status]
    made = frame.blocks(frame.sections(sections, GROUP), view)
    return frame.render(f"Gate of {' against '.join(names)}", made, " · ".join(str(one) for one in about if one))
