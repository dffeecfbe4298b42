"""The two sides of a gate: what each is, and how a trial of it is run.

Where both sides are one scenario file in this Python, trials run in this process. Where one differs (another file,
environment or revision), both run as commands of their own, so that neither is at an advantage; a built-in cluster
that both share is started once for them.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Protocol

from loadkit.errors import Interrupted, LoadkitError, RunError, TargetError, UsageError
from loadkit.hands import Hands
from loadkit.site import Say
from loadkit.target import load_target
from loadkit.targets import embedded, embedded_state

NO_ANSWER = (1, 4)
"""Exit codes of a search that ended and found no rate, or one that it cannot vouch for."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side, as its flags say."""

    name: str
    target: str
    scenario: Path
    sets: tuple[str, ...] = ()
    python: str | None = None
    """Another interpreter, whose packages are the side's; None: this one."""
    rev: str | None = None
    """A git revision of the scenario's repository."""

    def facts(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "scenario": str(self.scenario)}


@dataclass(frozen=True, slots=True)
class Length:
    """How long each trial is."""

    duration: float
    warmup: float | None
    """Seconds; None: until flat."""


class Trials(Protocol):
    """Both sides, ready for trials."""

    def trial(self, side: str, seed: int, out: Path, place: Mapping[str, Any], sets: Sequence[str] = ()) -> None:
        """Run one trial of a side and leave its result in `out`; `sets` are settings besides the side's own.

        Raises LoadkitError, Interrupted on Ctrl-C.
        """


def apart(sides: tuple[Side, Side]) -> bool:
    """Return whether the sides need processes of their own."""
    one, other = sides
    return any(side.python or side.rev for side in sides) or one.scenario.resolve() != other.scenario.resolve()


def reached_by(sides: tuple[Side, Side], who: Hands, searched: bool) -> tuple[Side, Side]:
    """Return the sides as those who make the load reach them.

    Raises UsageError for load processes of their own where sides, or the search that comes first, run as commands.
    """
    if not who.others:
        return sides
    flag = "--workers" if who.own else "--expect-workers"
    if apart(sides):
        raise UsageError(
            f"{flag}: sides of another file, environment or revision run as commands of their own, which cannot share "
            "load processes: leave it out, or compare settings or targets of one file"
        )
    if searched:
        raise UsageError(
            f"{flag}: a gate of max_rate begins with a search that is a command of its own: run `loadkit max` with "
            f"{flag} on the baseline, and give its folder by --max-from"
        )
    from loadkit.session import reached  # brings Locust, which patches sockets

    one, other = (replace(side, target=reached(side.target, who)) for side in sides)
    return one, other


@contextmanager
def commands(sides: Sequence[Side], length: Length, say: Say) -> Iterator[Commands]:
    """Make both sides ready to run as commands of their own; what was made for them is taken away at the end."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="loadkit-gate-")))
        targets: dict[str, str] = {}
        made = {}
        for side in sides:
            if side.target not in targets:
                targets[side.target] = _opened(side.target, place, stack, say)
            made[side.name] = _Command(side, *_checked_out(side, place, stack), targets[side.target], length)
        yield Commands(made)


def _opened(target: str, place: Path, stack: ExitStack, say: Say) -> str:
    """Return the target as commands reach it: an embedded cluster is started here, once for both sides."""
    found = load_target(target)
    if found.kind != "embedded":
        return str(Path(target).resolve()) if Path(target).exists() else target
    cluster = stack.enter_context(embedded.start(embedded.EmbeddedSpec.parse(found.text), say))
    file = place / f"cluster-{len(list(place.iterdir()))}.toml"
    file.write_text(embedded_state.target_toml(cluster), encoding="utf-8")
    return str(file)


def _checked_out(side: Side, place: Path, stack: ExitStack) -> tuple[Path, Path]:
    """Return the folder a side's commands run in and its scenario: a revision has a work tree of its own."""
    scenario = side.scenario.resolve()
    if side.rev is None:
        return Path.cwd(), scenario
    if not shutil.which("git"):
        raise UsageError(f"--{side.name}-rev needs git, which is not on PATH")
    root = Path(_git(side, "rev-parse", "--show-toplevel", at=_nearest(scenario.parent)))
    commit = _git(side, "rev-parse", "--verify", "--quiet", f"{side.rev}^{{commit}}", at=root)
    tree = place / side.name
    _git(side, "worktree", "add", "--detach", "--quiet", str(tree), commit, at=root)
    stack.callback(_git, side, "worktree", "remove", "--force", str(tree), at=root)
    file = tree / scenario.relative_to(root)
    if not file.is_file():
        raise UsageError(f"--{side.name}-rev {side.rev}: there is no {scenario.relative_to(root)} in that revision")
    here = Path.cwd().resolve()
    inside = tree / here.relative_to(root) if here.is_relative_to(root) else tree
    return (inside if inside.is_dir() else tree), file


def _nearest(folder: Path) -> Path:
    """Return the nearest folder that there is: a scenario may stand in the other revision alone."""
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _git(side: Side, *words: str, at: Path) -> str:
    done = subprocess.run(["git", "-C", str(at), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else f"{at} knows no such revision"
        raise UsageError(f"--{side.name}-rev {side.rev}: {why}")
    return done.stdout.strip()


class _Command:
    """One side as `PYTHON -m loadkit run`."""

    def __init__(self, side: Side, folder: Path, scenario: Path, target: str, length: Length) -> None:
        self._side, self._folder, self._scenario, self._target = side, folder, scenario, target
        self._length = length
        self._python = side.python or sys.executable
        self._check()

    def _check(self) -> None:
        probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('loadkit') is None)"
        try:
            done = subprocess.run([self._python, "-c", probe], cwd=self._folder, capture_output=True, check=False)
        except OSError as error:
            raise UsageError(f"--{self._side.name}-env {self._python}: {error.strerror}; give a Python") from None
        if done.returncode:
            raise UsageError(
                f"--{self._side.name}-env {self._python} has no loadkit: {self._python} -m pip install loadkit"
            )

    def words(self, seed: int, out: Path, more: Sequence[str]) -> list[str]:
        """Return the command of one trial."""
        return self._words("run", (*more, f"seed={seed}"), out, "--duration", f"{self._length.duration:g}s")

    def search(self, slo: Sequence[str], seed: int | None, out: Path) -> list[str]:
        """Return the command of a search."""
        seeds = () if seed is None else (f"seed={seed}",)
        return self._words("max", seeds, out, *(word for text in slo for word in ("--slo", text)))

    def _words(self, command: str, more: Sequence[str], out: Path, *rest: str) -> list[str]:
        sets = [word for text in (*self._side.sets, *more) for word in ("--set", text)]
        warmup = [] if self._length.warmup is None else ["--warmup", f"{self._length.warmup:g}s"]
        return [
            self._python, "-m", "loadkit", command, str(self._scenario), "--target", self._target, *sets, *rest,
            *warmup, "--out", str(out.resolve()), "--json",
        ]  # fmt: skip

    def run(self, words: list[str]) -> tuple[int, str, str]:
        """Return exit code and both outputs of one; Interrupted where it was."""
        return _ended(lambda: self._started(words))

    def _started(self, words: list[str]) -> subprocess.Popen[str]:
        """Start it, in a session of its own: a Ctrl-C comes to it through us alone."""
        return subprocess.Popen(
            words, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )


class Commands:
    """Both sides as commands, one trial after the other."""

    def __init__(self, made: Mapping[str, _Command]) -> None:
        self._made = made

    def trial(self, side: str, seed: int, out: Path, place: Mapping[str, Any], sets: Sequence[str] = ()) -> None:
        """Run one trial of a side."""
        command = self._made[side]
        code, _, complaint = command.run(command.words(seed, out, sets))
        _raised(side, code, complaint)

    def search(self, side: str, slo: Sequence[str], seed: int | None, out: Path) -> dict[str, Any]:
        """Return the document of a search of a side's highest rate, which goes on in its folder. Raises LoadkitError.

        Without a `seed` it is the scenario's own. A search without an answer leaves a document too.
        """
        command = self._made[side]
        code, text, complaint = command.run(command.search(slo, seed, out))
        _raised(side, 0 if code in NO_ANSWER and text else code, complaint)
        found: dict[str, Any] = json.loads(text)
        return found


def _ended(start: Callable[[], subprocess.Popen[str]]) -> tuple[int, str, str]:
    """Return exit code and both outputs of a command; Interrupted where it was, be it while it was started."""
    with _forwarded() as (caught, under_way):
        process = start()
        under_way.append(process)
        if caught:
            process.send_signal(signal.SIGINT)
        text, complaint = process.communicate()
    if caught:
        error = Interrupted("interrupted: what was measured until now is kept")
        error.exit_code = 128 + caught[0]
        raise error
    return process.returncode, text, complaint


@contextmanager
def _forwarded() -> Iterator[tuple[list[int], list[subprocess.Popen[str]]]]:
    """Pass Ctrl-C and SIGTERM on to a command while it runs; yields the signals that came, and where to put it."""
    caught: list[int] = []
    under_way: list[subprocess.Popen[str]] = []

    def forward(number: int, _: FrameType | None) -> None:
        caught.append(number)
        for process in under_way:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught, under_way
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raised(side: str, code: int, complaint: str) -> None:
    """Raise what ended a side's command, in its own words."""
    if code == 0:
        return
    lines = [line for line in complaint.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {code}"
    why = next((line for line in reversed(lines) if line.startswith("error: ")), last)
    kind: type[LoadkitError] = UsageError if code == UsageError.exit_code else RunError
    raise kind(f"the {side}: {why.removeprefix('error: ')}")


def failed(facts: Mapping[str, Any], side: str) -> None:
    """Raise RunError where a trial of a side came to no whole result or moved no message."""
    if facts.get("status") != "complete":
        raise RunError(f"the {side} failed: {facts.get('error') or facts.get('status')}")
    metrics = facts.get("metrics") or {}
    if not (metrics.get("throughput") or metrics.get("consumed")):
        errors = json.dumps(facts["errors"]) if facts.get("errors") else "no message was due or none was confirmed"
        raise TargetError(f"the {side} moved no message: {errors}; there is nothing to compare")
