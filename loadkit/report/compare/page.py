"""The page of two results compared: `DIR/report.html`."""

from __future__ import annotations

from pathlib import Path

from loadkit.report import page as frame
from loadkit.report.compare import sections
from loadkit.report.compare.view import View

GROUP = "loadkit.compare_sections"
"""Entry points by which other distributions add sections."""


def write(view: View) -> Path:
    """Write the page of a comparison into its folder and return its path; OSError where the disk takes no more."""
    one, other = view.document["sides"]
    made = frame.blocks(frame.sections(sections, GROUP), view)
    about = f"A is {one['given']} · B is {other['given']}"
    names = dict.fromkeys(str(side["scenario"]) for side in (one, other))
    return frame.replace(view.out, frame.render(f"Comparison of {' with '.join(names)}", made, about))
