"""Commands that only read what others left: `loadkit report` and `loadkit compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from loadkit.cli_options import AnyHost, HistoryDir, Json, default_out, show


def report(
    result: Annotated[Path, typer.Argument(help="The folder of a run or a sweep, also of one that died.")],
    history: HistoryDir = None,
    any_host: AnyHost = False,
    as_json: Json = False,
) -> None:
    """Make a result's page anew and print its table."""
    from loadkit import finish_again
    from loadkit.drive_history import History

    asked = History(history, any_host) if history else None
    show(finish_again.again(result, sys.stderr if as_json else sys.stdout, asked), as_json)


def compare(
    a: Annotated[
        str, typer.Argument(metavar="A", help="A result's folder, one of several, or a pattern: 'DIR/p000-*'.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with it: another, as for A.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the page; default: reports/compare-<time>.")] = None,
    as_json: Json = False,
) -> None:
    """Compare any two results: what changed from A to B, by how much, and how sure that is. It judges nothing."""
    from loadkit import drive_compare

    request = drive_compare.Request(a, b, out or default_out(Path("compare")))
    show(drive_compare.compare(request, sys.stderr if as_json else sys.stdout), as_json)
