"""A mistake in a Locust file as one sentence with its line, where Python would print a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from loadkit.errors import LoadkitError, ScenarioError
from loadkit.secrets import MASK

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]
_HOME = str(Path(__file__).parent)


def sentences(before: Hook) -> Hook:
    """Return an `excepthook` that says our errors in a sentence and exits with their code; others go to `before`.

    It is for plain `locust`, which imports the scenario itself; elsewhere it changes nothing.
    """

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, LoadkitError | ValidationError) or "locust.main" not in sys.modules:
            before(kind, error, trace)
            return
        sys.stdout.flush()
        print(MASK.text(f"error: {place(trace)}{said(error)}"), file=sys.stderr, flush=True)
        raise SystemExit(getattr(error, "exit_code", ScenarioError.exit_code))

    return hook


def said(error: LoadkitError | ValidationError) -> str:
    """Return what is wrong, one sentence for each of pydantic's findings."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = []
    for item in error.errors():
        path = ".".join([error.title, *map(str, item["loc"])])
        found.append(f"{path}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def place(trace: TracebackType | None) -> str:
    """Return `file:line: ` of the last line outside of libraries that a traceback passed through."""
    found = ""
    while trace:
        path = trace.tb_frame.f_code.co_filename
        library = path.startswith(_HOME) or "site-packages" in path or "importlib" in path
        if not library and Path(path).is_file():
            found = f"{path}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return found
