"""Options and small steps that several commands share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from loadkit.hands import HERE, PORT, TOKEN, hands

Target = Annotated[
    str,
    typer.Option(envvar="LOADKIT_TARGET", help="embedded, embedded:3, embedded@3.6.2, simulated, or a target file."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help=f"File of the token that master and load processes share; default: the variable {TOKEN}."),
]
_HANDS: dict[str, tuple[Any, Any]] = {
    "workers": (Annotated[int, typer.Option(
        min=0, metavar="N", help="Make the load in N processes of their own; default: in this one.")], 0),
    "expect_workers": (Annotated[int, typer.Option(
        min=0, metavar="N", help="Wait for N load processes, `loadkit worker` on any machine, and direct them.")], 0),
    "master_bind": (Annotated[str | None, typer.Option(
        metavar="HOST[:PORT]", help=f"Where to listen for them; default: {HERE}:{PORT}.")], None),
    "token_file": (TokenFile, None),
    "allow_public": (Annotated[bool, typer.Option(
        "--allow-public", help="Listen beyond this machine without a token, to anybody; metrics too.")], False),
    "expect_within": (Annotated[str | None, typer.Option(help="Longest wait for them; default: 5m.")], None),
}  # fmt: skip
"""The flags that say who makes the load, by name: type and default."""
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


def with_hands(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags that say who makes its load, in place of its parameter `who`."""
    own = signature(command, eval_str=True)
    flags = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _HANDS.items()
    ]

    @wraps(command)
    def called(**given: Any) -> None:
        said = [*(given.pop(name) for name in _HANDS), bool(given.get("metrics"))]
        command(**given, who=hands(*said))

    shown = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own.parameters.values() if one.name != "who"]
    called.__signature__ = own.replace(parameters=[*shown[:-2], *flags, *shown[-2:]])  # type: ignore[attr-defined]
    called.__annotations__ = {}
    return called


def default_out(scenario: Path) -> Path:
    """Return a folder that no other run has."""
    return Path("reports") / f"{scenario.stem}-{time.strftime('%Y%m%d-%H%M%S')}"


def show(document: dict[str, Any], as_json: bool) -> None:
    """Print a command's document on stdout where `--json` asks for it."""
    if as_json:
        print(json.dumps(document, indent=1))
