"""`loadkit worker`, `loadkit fleet` and `loadkit calibrate`: load from many machines, and what one makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadkit.cli_options import Json, TokenFile, show
from loadkit.hands import address, seconds, token
from loadkit.secrets import say

app = typer.Typer(no_args_is_help=True, help="Load from many machines.")


@app.callback()
def fleet() -> None:
    """Load from many machines."""


def worker(
    scenario: Annotated[Path, typer.Argument(help="The Locust file that the master runs; the two must be the same.")],
    master: Annotated[
        str, typer.Option(envvar="LOADKIT_MASTER", metavar="HOST[:PORT]", help="Where the master listens; port 5557.")
    ],
    token_file: TokenFile = None,
    wait: Annotated[str, typer.Option(help="Longest wait for the master.")] = "60s",
) -> None:
    """Make load for a `loadkit run|sweep|max|gate --expect-workers N` elsewhere, and end with it."""
    host, port = address(master, "--master")
    secret, limit = token(token_file), seconds(wait, "--wait")
    from loadkit import scenario_file, swarm_join

    swarm_join.join(scenario_file.load_scenario(scenario), host, port, secret, limit, say)


def calibrate(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer settings, and shorter: half a minute.")] = False,
    as_json: Json = False,
) -> None:
    """Find what a load process of this machine can make by size and setting; every later trial is compared with it."""
    from loadkit import drive_capacity

    show(drive_capacity.calibrate(quick, quiet=as_json), as_json)


@app.command("plan")
def plan(
    rate: Annotated[str, typer.Option(help="What the fleet is to make, like 2M/s.")],
    size: Annotated[str, typer.Option(help="Size of a message.")] = "1KiB",
    cores: Annotated[
        int | None, typer.Option(min=1, help="Cores of a machine, of this one's kind; default: as many as it has.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how many load processes on how many machines make a rate, by what `loadkit calibrate` found here."""
    from loadkit import drive_fleet

    show(drive_fleet.plan(rate, size, cores, quiet=as_json), as_json)
