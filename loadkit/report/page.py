"""The page frame: ordered blocks to one self-contained HTML file; and the page of one trial.

`render` knows nothing of trials: sweep, gate and sizing pages give it their own blocks. The file asks
the network for nothing, and its Content-Security-Policy makes the browser refuse should it try.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Protocol, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loadkit import __version__, kept, result
from loadkit.report import answer, charts
from loadkit.report import sections as own_sections
from loadkit.report.block import Block, Chart, Note
from loadkit.report.view import View, view_of
from loadkit.summary import Summary, summarise

POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Only the scripts whose hashes are named run, and nothing is fetched; plotly writes style elements (unsafe-inline)."""


class Section(Protocol):
    """A module of the sections folder."""

    TITLE: str
    ORDER: int

    def build(self, view: Any) -> Block | None:
        """Return the section, or None where it does not apply."""


def write(out: Path) -> Path:
    """Write `report.html` into a trial's folder, whole or partial, and return its path.

    Raises UsageError when the folder holds no result.
    """
    loaded = result.load(out)
    return write_loaded(loaded, summarise(loaded))


def write_loaded(loaded: result.Result, summary: Summary) -> Path:
    """Write the page of a result that is read and summarised already, and return its path."""
    view = view_of(loaded, summary)
    return replace(loaded.out, trial_page(view))


def trial_page(view: View) -> str:
    """Return the page of one trial."""
    facts = view.facts
    target = facts.get("target") or {}
    about = [facts.get("started_at"), target.get("name"), f"run {facts['run_id']}" if facts.get("run_id") else None]
    subtitle = " · ".join(str(part) for part in about if part)
    description = str((facts.get("scenario") or {}).get("description") or "")
    return render(answer.title(view), blocks(sections(own_sections), view), subtitle, description)


def sections(package: ModuleType, group: str = "loadkit.sections") -> list[Section]:
    """Return the sections of a package and those that other distributions offer under `group`, in their order."""
    names = [f"{package.__name__}.{module.name}" for module in iter_modules(package.__path__)]
    found = [cast(Section, import_module(name)) for name in names]
    found += [cast(Section, entry.load()) for entry in entry_points(group=group)]
    return sorted(found, key=lambda section: (section.ORDER, section.TITLE))


def blocks(found: Iterable[Section], view: object) -> list[Block]:
    """Return the blocks of the sections that apply; one that raises becomes a note, so the page is never lost."""
    made: list[Block] = []
    for section in found:
        try:
            built = section.build(view)
        except Exception as error:
            note = Note(
                f"This section could not be made: {type(error).__name__}: {error}",
                "the figures are in the files of the run",
            )
            built = Block(section.TITLE, (note,))
        if built:
            made.append(built)
    return made


def render(title: str, made: Sequence[Block], subtitle: str = "", description: str = "") -> str:
    """Return one self-contained HTML page: the blocks in order, under a title and links to each."""
    figures = {part.key: part.figure for block in made for part in block.parts if isinstance(part, Chart)}
    scripts = [charts.plotly_js() if figures else "", _asset("page.js")]
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts if script)
    return _environment().get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        description=description,
        blocks=made,
        policy=POLICY.format(scripts=hashes),
        css=Markup(_asset("page.css")),
        scripts=[Markup(script) for script in scripts if script],
        figures={key: _json(figure) for key, figure in figures.items()},
        dark=_json(charts.DARK),
        version=__version__,
    )  # fmt: skip


def replace(out: Path, page: str) -> Path:
    """Put a page in its place in a folder, and return its path."""
    kept.replace(out / result.PAGE, page)
    return out / result.PAGE


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("loadkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _json(value: Mapping[str, Any]) -> Markup:
    """Return JSON that may stand in a script element: no `<`, so nothing in it ends the element."""
    return Markup(json.dumps(value, separators=(",", ":"), default=_plain, allow_nan=False).replace("<", "\\u003c"))


def _plain(value: object) -> object:
    listed = getattr(value, "tolist", None)
    return listed() if listed else str(value)
