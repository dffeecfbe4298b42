"""Config files of a plan, in every dialect; none is written unless the checker finds all of them safe."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from loadkit.sizing.facts import Facts
from loadkit.sizing.recommend import dialects
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.build import build


def texts(facts: Facts) -> dict[str, str]:
    """Return path to text of every file, unchecked: see `write`."""
    plan = build(facts)
    found: dict[str, str] = {}
    for name, dialect in spoken().items():
        if not platforms.without(facts.platform, name):
            found |= dialect.files(plan)
    return found


def spoken() -> dict[str, ModuleType]:
    """Return the dialects by name: the modules of `dialects`."""
    names = sorted(module.name for module in pkgutil.iter_modules(dialects.__path__))
    return {name: importlib.import_module(f"{dialects.__name__}.{name}") for name in names}
