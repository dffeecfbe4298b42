"""`sizing.html`: the sections in their order, as one self-contained page."""

from __future__ import annotations

from loadkit.report import page as frame
from loadkit.report.sizing import sections as own_sections
from loadkit.report.sizing.view import View
from loadkit.sizing import words

GROUP = "loadkit.sizing_sections"
"""Entry points by which other distributions add sections."""


def page(view: View) -> str:
    """Return the page of a plan."""
    plan = view.plan
    about = [plan.made_on.isoformat(), plan.needs.platform.kind, words.banner(plan)]
    made = frame.blocks(frame.sections(own_sections, GROUP), view)
    title = f"Sizing of {plan.needs.name}"
    return frame.render(title, made, " · ".join(filter(None, about)), plan.needs.description)
