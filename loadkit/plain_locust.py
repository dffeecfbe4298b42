"""What plain `locust -f scenario.py` needs to be a loadkit run: flags, users, and where results go.

Like `cli` it sees both halves: it makes load and has the page written. Importing `ProducerUser` from
`loadkit` imports it, so that Locust finds its listeners.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner

from loadkit import secrets
from loadkit.changes import changed, options_facts
from loadkit.errors import LoadkitError, ScenarioError
from loadkit.finish import finish
from loadkit.scenario import Scenario
from loadkit.swarm import Settings, Swarm, count_users, missing_classes, scenario_of, users_needed
from loadkit.trial import LONGEST_WARMUP, Options
from loadkit.units import parse_duration
from loadkit.users import _KafkaUser

_FLAGS: dict[str, dict[str, Any]] = {
    "--target": {"env_var": "LOADKIT_TARGET", "default": "embedded",
                 "help": "loadkit: embedded, embedded:3, simulated or a target file (default: embedded)"},
    "--out": {"env_var": "LOADKIT_OUT", "default": "", "help": "loadkit: folder for the result"},
    "--warmup": {"default": "", "help": "loadkit: time before measuring (default: until flat, a quarter of -t at most)"},
    "--drain-timeout": {"default": "30s", "help": "loadkit: longest wait for what is in flight at the end"},
    "--set": {"action": "append", "default": [], "metavar": "PATH=VALUE", "help": "loadkit: change one setting"},
}  # fmt: skip


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any, **_: Any) -> None:
    """Add loadkit's flags to Locust's."""
    for flag, words in _FLAGS.items():
        parser.add_argument(flag, include_in_web_ui=False, **words)


@events.init.add_listener
def take_part(environment: Environment, **_: Any) -> None:
    """Join a Locust environment that has our users; a mistake ends the process with one sentence and exit code."""
    if not any(issubclass(c, _KafkaUser) for c in environment.user_classes):
        return
    for handler in logging.getLogger().handlers:
        handler.addFilter(secrets.MASK)
    try:
        Swarm(environment, _settings(environment))
    except LoadkitError as error:
        print(secrets.MASK.text(f"error: {error}"), file=sys.stderr)
        sys.exit(error.exit_code)


def _settings(environment: Environment) -> Settings:
    options = environment.parsed_options
    assert options
    name = Path(environment.locustfile or "locustfile").stem
    scenario = scenario_of(environment.user_classes, name)
    count_users(environment.user_classes, changed(scenario, options.set))
    if not isinstance(environment.runner, WorkerRunner):
        _fix_users(environment)
    return Settings(
        target=options.target,
        options=lambda scenario: _options(environment, scenario),
        change=lambda scenario: changed(scenario, options.set),
        progress=_Lines(),
        say=lambda text: print(text, file=sys.stderr, flush=True),
        scenario=scenario,
        quit_when_done=False,
        finished=_finish,
    )


def _finish(out: Path) -> None:
    finish(out, sys.stderr)


def _fix_users(environment: Environment) -> None:
    """Start all users that the classes ask for, where Locust by itself would start one; refuse too few."""
    options = environment.parsed_options
    assert options
    needed = users_needed(environment.user_classes)
    if options.num_users is None:
        options.num_users = needed
    elif options.num_users < needed:
        short = missing_classes(environment.user_classes, options.num_users)
        named = ", ".join(f"{name} ({got} of {asked})" for name, (got, asked) in short.items())
        raise ScenarioError(
            f"-u {options.num_users} is too few: the classes ask for {needed} users, and {named} would be missing; "
            "leave -u out, or lower fixed_count"
        )
    if options.spawn_rate is None:
        options.spawn_rate = min(options.num_users, 100)


def _options(environment: Environment, scenario: Scenario) -> Options:
    options = environment.parsed_options
    assert options
    warmup = parse_duration(options.warmup) if options.warmup else None
    longest = LONGEST_WARMUP if not options.run_time else min(LONGEST_WARMUP, options.run_time / 4)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    out = Path(options.out) if options.out else Path("reports") / f"{scenario.name}-{stamp}-{os.getpid()}"
    facts = options_facts("locust", scenario, environment.locustfile, options.set)
    return Options(
        out=out, duration=None, warmup=warmup, longest_warmup=longest,
        drain_timeout=parse_duration(options.drain_timeout), facts=facts,
    )  # fmt: skip


class _Lines:
    """Progress as lines, one when a phase begins."""

    def __init__(self) -> None:
        self._phase = ""

    def __call__(self, phase: str, text: str, passed: float, total: float | None) -> None:
        """Say that a phase has begun."""
        if phase != self._phase:
            self._phase = phase
            print(f"loadkit: {phase} {text}".rstrip(), file=sys.stderr, flush=True)
