"""A plan as the sections see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadkit.sizing.plan import Plan


@dataclass(frozen=True, slots=True)
class View:
    """The plan, what changed since an older one, and the config files that go with it."""

    plan: Plan
    document: Mapping[str, Any]
    """As `sizing.json` holds it."""
    changed: tuple[str, ...] = ()
    configs: Mapping[str, str] = field(default_factory=dict)
    """Path to text; empty where none were written."""
