"""What plain `locust -f scenario.py` needs to be a loadkit run: flags, users, signals, and where results go.

Like `cli` it sees both halves: it makes load and has the page written. Importing `ProducerUser` from
`loadkit` imports it, so that Locust finds its listeners.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadkit import secrets, web_tab
from loadkit.boundaries import LONGEST_WARMUP, NOBODY, Options
from loadkit.changes import changed, options_facts
from loadkit.errors import Interrupted, LoadkitError, ScenarioError, UsageError
from loadkit.finish import finish
from loadkit.hands import HERE, refuse_public
from loadkit.observed import Observed
from loadkit.plain_errors import sentences
from loadkit.result import claim
from loadkit.scenario import Scenario
from loadkit.swarm import Settings, Swarm, scenario_of
from loadkit.swarm_master import Master
from loadkit.swarm_runtime import end_main
from loadkit.swarm_users import count_users, missing_classes, users_needed
from loadkit.telemetry.exporter import serving
from loadkit.units import parse_duration
from loadkit.users import _KafkaUser

_FLAGS: dict[str, dict[str, Any]] = {
    "--target": {"env_var": "LOADKIT_TARGET", "default": "embedded",
                 "help": "loadkit: embedded, embedded:3, simulated or a target file (default: embedded)"},
    "--out": {"env_var": "LOADKIT_OUT", "default": "", "help": "loadkit: folder for the result"},
    "--warmup": {"default": "",
                 "help": "loadkit: time before measuring (default: until flat, at most a quarter of -t)"},
    "--drain-timeout": {"default": "30s", "help": "loadkit: longest wait for what is in flight at the end"},
    "--metrics": {"env_var": "LOADKIT_METRICS", "default": "", "metavar": "[HOST]:PORT",
                  "help": "loadkit: serve Prometheus metrics there, like :9646"},
    "--allow-public": {"action": "store_true",
                       "help": "loadkit: let others than this machine reach master, web UI, metrics: anybody"},
    "--set": {"action": "append", "default": [], "metavar": "PATH=VALUE", "help": "loadkit: change one setting"},
}  # fmt: skip
_DISMISSAL = 5.0
"""Seconds in which forked processes must have reported to a master that cannot run, before it ends without them."""

sys.excepthook = sentences(sys.excepthook)


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any, **_: Any) -> None:
    """Add loadkit's flags to Locust's, whose master and web UI listen on this machine unless they are told where."""
    parser.set_defaults(web_host=HERE, master_bind_host=HERE)
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
        _guard(environment)
        seen, ended = Observed(), list[Path]()
        if not isinstance(environment.runner, WorkerRunner):
            _serve(environment, seen, ended)
        swarm = Swarm(environment, _settings(environment, seen, ended))
    except LoadkitError as error:
        _refuse(environment, f"error: {error}", error.exit_code)
    except KeyboardInterrupt:
        _refuse(environment, "interrupted", Interrupted.exit_code)
    else:
        if swarm.master:
            gevent.signal_handler(signal.SIGINT, _CtrlC(environment, swarm.master))


def _guard(environment: Environment) -> None:
    """Raise UsageError where master or web UI would listen beyond this machine to anybody."""
    options = environment.parsed_options
    assert options
    if environment.web_ui:
        login, host = bool(options.web_login), options.web_host or "*"
        refuse_public(host, f"--web-host {host}", login, options.allow_public, "give --web-login with a login of yours")
    if isinstance(environment.runner, MasterRunner):
        way = "take `loadkit run --expect-workers N --master-bind HOST`, which lets in who has a token"
        host = options.master_bind_host
        refuse_public(host, f"--master-bind-host {host}", False, options.allow_public, way)


def _serve(environment: Environment, seen: Observed, ended: list[Path]) -> None:
    """Serve what is seen of the runs that this process directs, as metrics and in the web UI, until it ends.

    Raises UsageError where the address of the metrics cannot be served.
    """
    options = environment.parsed_options
    assert options
    served = serving(options.metrics or None, seen, options.allow_public)
    served.__enter__()
    environment.events.quit.add_listener(lambda **_: served.__exit__(None, None, None))
    if environment.web_ui:
        base = getattr(options, "web_base_path", None) or ""
        web_tab.add(environment.web_ui, base, seen, lambda: ended[-1] if ended else None)


def _refuse(environment: Environment, text: str, exit_code: int) -> None:
    """End the process; of a master and its forked processes only the master says why, and it sends them home."""
    options, runner = environment.parsed_options, environment.runner
    forked = getattr(options, "processes", None) or 0
    if not (forked and isinstance(runner, WorkerRunner) and "--worker" not in sys.argv):
        print(secrets.MASK.text(text), file=sys.stderr, flush=True)
    if forked and isinstance(runner, MasterRunner):
        deadline = time.monotonic() + _DISMISSAL
        while len(runner.clients) < forked and time.monotonic() < deadline:
            gevent.sleep(0.05)
        runner.quit()
    sys.exit(exit_code)


def _settings(environment: Environment, seen: Observed, ended: list[Path]) -> Settings:
    options = environment.parsed_options
    assert options
    name = Path(environment.locustfile or "locustfile").stem
    scenario = scenario_of(environment.user_classes, name)
    count_users(environment.user_classes, changed(scenario, options.set))
    if not isinstance(environment.runner, WorkerRunner):
        _fix_users(environment)
        _check(environment, scenario)
    runs, observer = itertools.count(1), seen if options.metrics or environment.web_ui else NOBODY
    return Settings(
        target=options.target,
        options=lambda scenario: replace(_options(environment, scenario, next(runs)), observer=observer),
        change=lambda scenario: changed(scenario, options.set),
        progress=seen.heard(_Lines()),
        say=secrets.say,
        scenario=scenario,
        commanded=False,
        finished=lambda out: _finish(out, ended),
    )


def _finish(out: Path, ended: list[Path]) -> None:
    finish(out, sys.stderr)
    ended.append(out)


def _check(environment: Environment, scenario: Scenario) -> None:
    """Refuse flags that would stop the run only after it had begun."""
    options = environment.parsed_options
    assert options
    try:
        _options(environment, scenario, 1)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if options.out:
        claim(Path(options.out))


def _fix_users(environment: Environment) -> None:
    """Start all users that the classes ask for, where Locust by itself would start one; refuse too few."""
    options = environment.parsed_options
    assert options
    needed = users_needed(environment.user_classes)
    if options.num_users is None:
        options.num_users = needed
    elif options.num_users < needed and not environment.shape_class:
        short = missing_classes(environment.user_classes, options.num_users)
        named = ", ".join(f"{name} ({got} of {asked})" for name, (got, asked) in short.items())
        raise ScenarioError(
            f"-u {options.num_users} is too few: the classes ask for {needed} users, and {named} would be missing; "
            "leave -u out, or lower fixed_count"
        )
    if options.spawn_rate is None:
        options.spawn_rate = min(options.num_users, 100)


def _options(environment: Environment, scenario: Scenario, run: int) -> Options:
    """Return the options of the first or a later run: each gets a folder of its own."""
    options = environment.parsed_options
    assert options
    warmup = parse_duration(options.warmup) if options.warmup else None
    longest = LONGEST_WARMUP if not options.run_time else min(LONGEST_WARMUP, options.run_time / 4)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    out = Path(options.out) if options.out else Path("reports") / f"{scenario.name}-{stamp}-{os.getpid()}"
    facts = options_facts("locust", scenario, environment.locustfile, options.set)
    return Options(
        out=out if run == 1 else out.with_name(f"{out.name}-{run}"),
        duration=None, warmup=warmup, longest_warmup=longest,
        drain_timeout=parse_duration(options.drain_timeout), facts=facts,
    )  # fmt: skip


class _CtrlC:
    """Ctrl-C: once ends the run in good order, twice without waiting for what is in flight, three times at once."""

    def __init__(self, environment: Environment, master: Master) -> None:
        self._environment, self._master, self._times = environment, master, 0

    def __call__(self) -> None:
        """Hear one Ctrl-C, in a greenlet of its own."""
        self._times += 1
        if self._times == 1:
            self._end()
        elif self._times == 2:
            self._environment.process_exit_code = Interrupted.exit_code
            self._master.hurry()
        else:
            os._exit(Interrupted.exit_code)

    def _end(self) -> None:
        runner, web = self._environment.runner, self._environment.web_ui
        assert runner
        if not self._master.begun and not web:
            runner.quit()
            self._master.release()
            end_main(SystemExit(Interrupted.exit_code))  # Locust still waits for processes to connect
            return
        if not self._master.concluded.is_set():
            secrets.say("stopping: draining what is in flight; interrupt again to stop at once")
        limited = getattr(self._environment.parsed_options, "run_time", None)
        self._master.hold(Interrupted("interrupted: what was measured until now is kept") if limited else None)
        runner.quit()
        if web:
            web.stop()


class _Lines:
    """Progress as lines, one when a phase begins."""

    def __init__(self) -> None:
        self._phase = ""

    def __call__(self, phase: str, text: str, passed: float, total: float | None) -> None:
        """Say that a phase has begun."""
        if phase != self._phase:
            self._phase = phase
            secrets.say(f"loadkit: {phase} {text}".rstrip())
