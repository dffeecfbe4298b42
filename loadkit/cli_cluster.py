"""`loadkit cluster`: a real Kafka on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadkit.secrets import say

app = typer.Typer(no_args_is_help=True, help="A real Kafka on this machine, for as long as it is wanted.")


@app.command("start")
def start(
    name: Annotated[str, typer.Argument(help="embedded, embedded:3, embedded@3.6.2, ...")] = "embedded",
    target_file: Annotated[Path | None, typer.Option(help="Also write a target file for --target.")] = None,
) -> None:
    """Start a Kafka and stay in the foreground until Ctrl-C or `loadkit cluster stop`; it ends with this command."""
    from loadkit import commands

    commands.cluster_start(name, target_file, say)


@app.command("status")
def status() -> None:
    """List the clusters that `loadkit cluster start` runs."""
    from loadkit import commands

    print(commands.cluster_status())


@app.command("stop")
def stop() -> None:
    """Stop every cluster that `loadkit cluster start` runs, and wait until it is gone."""
    from loadkit import commands

    print(commands.cluster_stop())
