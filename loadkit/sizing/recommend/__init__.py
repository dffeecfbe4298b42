"""Config files of a plan, in every dialect; none is written unless the checker finds all of them safe."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from loadkit.errors import PlanError
from loadkit.sizing import check
from loadkit.sizing.facts import Facts
from loadkit.sizing.recommend import dialects, sane
from loadkit.sizing.recommend.words import header, joined, omitted
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.build import build

_SHOWN = 8
INDEX = "README.md"


def write(facts: Facts, folder: Path) -> list[Path]:
    """Return the files written to a folder, all or none; one that is there already is replaced as a whole.

    Raises PlanError, and leaves everything as it was, where a fact is impossible or the checker, which reads the texts
    back, finds a rule of safety broken.
    """
    made = texts(facts)
    if found := check.judge_plan({path: text for path, text in made.items() if path != INDEX}, facts):
        raise PlanError(_refusal(found))
    _replace(made, folder)
    return [folder / path for path in made]


def texts(facts: Facts) -> dict[str, str]:
    """Return path to text of every file, not judged yet. Raises PlanError where a fact is impossible."""
    sane.check(facts)
    plan = build(facts)
    found: dict[str, str] = {}
    index = [f"# {line}" if not at else line for at, line in enumerate(header(facts, "Config files"))]
    for name, dialect in spoken().items():
        index += ["", f"## {dialect.TITLE}", ""]
        if why := platforms.without(facts.platform, name):
            index += omitted(name, "all", why)
            continue
        own: dict[str, str] = dialect.files(plan)
        found |= own
        index += [f"- `{path}`" for path in own]
    found[INDEX] = joined([*index, "", f"What {facts.platform} fixes or forbids: {platforms.source(facts.platform)}."])
    return found


def spoken() -> dict[str, ModuleType]:
    """Return the dialects by name: the modules of `dialects`."""
    names = sorted(module.name for module in pkgutil.iter_modules(dialects.__path__))
    return {name: importlib.import_module(f"{dialects.__name__}.{name}") for name in names}


def _refusal(found: list[check.Finding]) -> str:
    lines = [f"{one.file}: {one.text} ({one.rule}); {one.fix}" for one in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "no config files are written, since they would not be safe: " + "; ".join(lines) + more


def _replace(made: Mapping[str, str], folder: Path) -> None:
    """Write all files beside the folder, then put them in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft:
        new, old = Path(draft) / "new", Path(draft) / "old"
        for path, text in made.items():
            file = new / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            if file.suffix == ".sh":
                file.chmod(0o755)
        if folder.exists():
            shutil.move(folder, old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
