"""Options and small steps that several commands share."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

Target = Annotated[
    str,
    typer.Option(envvar="LOADKIT_TARGET", help="embedded, embedded:3, embedded@3.6.2, simulated, or a target file."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
Workers = Annotated[
    int, typer.Option(min=0, metavar="N", help="Make the load in N processes of their own; default: in this one.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one setting: Checkout.rate=50k/s, linger.ms=20."),
]
Metrics = Annotated[
    str | None,
    typer.Option(metavar="[HOST]:PORT", help="Serve Prometheus metrics of the trials under way there, like :9646."),
]
HistoryDir = Annotated[
    Path | None,
    typer.Option("--history", metavar="DIR", help="Gates or results of earlier runs: say where their level changed."),
]
AnyHost = Annotated[
    bool, typer.Option("--history-any-host", help="Take in earlier results of other classes of machines.")
]


def default_out(scenario: Path) -> Path:
    """Return a folder that no other run has."""
    return Path("reports") / f"{scenario.stem}-{time.strftime('%Y%m%d-%H%M%S')}"


def show(document: dict[str, Any], as_json: bool) -> None:
    """Print a command's document on stdout where `--json` asks for it."""
    if as_json:
        print(json.dumps(document, indent=1))
