"""A short slice of each section run again, and whether it agrees with what is committed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loadkit.report.block import Block, Cell, Prose, table
from trust import sections
from trust.claim import Claim
from trust.sections import Measured

TOTAL = 28 * 60.0
"""Seconds for all slices together."""
LONGEST = 5 * 60.0
"""Seconds for one of them."""
_GRACE = 60.0
"""Seconds in which a slice that is stopped may end by itself."""
_WORDS = 300


@dataclass(frozen=True, slots=True)
class Slice:
    """One section's slice as it ended."""

    name: str
    agrees: bool | None
    """None where there was nothing to compare."""
    text: str
    seconds: float = 0.0


def compare(slice_: Measured, committed: Measured) -> tuple[bool | None, str]:
    """Return whether a slice's figures agree with the committed ones, and which do not."""
    again, before = ({claim.text: claim for claim, _ in one.claims()} for one in (slice_, committed))
    both = [(again[text], before[text]) for text in again if text in before]
    judged = [(one, other, same) for one, other in both if (same := alike(one, other)) is not None]
    if not judged:
        return None, _alone(list(again.values()))
    apart = [(one, other) for one, other, same in judged if not same]
    if not apart:
        return True, f"{len(judged)} of {len(before)} figures made again, all agree"
    return False, "; ".join(f"{one.text}: {one.figure} ({one.verdict}), committed {other.figure} ({other.verdict})"
                            for one, other in apart)  # fmt: skip


def alike(one: Claim, other: Claim) -> bool | None:
    """Return whether two measurements of one claim agree; None where that cannot be told.

    Their verdicts are the same, or their intervals have a value in common: a short slice misses a bound by chance.
    """
    judged = one.met is not None and other.met is not None
    if judged and one.met == other.met:
        return True
    if one.interval is None or other.interval is None:
        return False if judged else None
    return max(one.interval[0], other.interval[0]) <= min(one.interval[1], other.interval[1])


def _alone(claims: Sequence[Claim]) -> str:
    if not claims:
        return "the slice left no figure to compare"
    return "nothing committed to compare with; here: " + "; ".join(f"{one.text}: {one.verdict}" for one in claims)


def run(names: Sequence[str], folder: Path, reports: Path, say: Callable[[str], None]) -> list[Slice]:
    """Return the slices of sections, run one after another within `TOTAL`; figures and output go to a folder."""
    begun, done = time.monotonic(), []
    for name in names:
        left = TOTAL - (time.monotonic() - begun)
        say(f"{name}: a short slice")
        done.append(one(name, folder, reports, min(LONGEST, left)))
        say(f"  {done[-1].text} ({done[-1].seconds:.0f} s)")
    return done


def one(name: str, folder: Path, reports: Path, patience: float) -> Slice:
    """Return the slice of one section, which may take so many seconds."""
    if patience <= 0:
        return Slice(name, None, "not run: the time for all slices was used up")
    out, log, begun = folder / name, folder / f"{name}.log", time.monotonic()
    code = command([sys.executable, "-m", f"trust.{name}", "--quick", "--out", str(out)], log, patience)
    took = time.monotonic() - begun
    if code is None:
        return Slice(name, False, f"stopped after {took:.0f} s; its output: {log}", took)
    if code not in (0, 1):
        return Slice(name, False, f"ended with exit code {code}: {log.read_text('utf-8')[-_WORDS:].strip()}", took)
    try:
        agrees, text = compare(sections.load(name, out), sections.load(name, reports / name))
    except Exception as error:  # its figures are of another shape: the other slices go on
        agrees, text = False, f"its figures cannot be read: {type(error).__name__}: {error}"
    return Slice(name, agrees, text, took)


def command(words: Sequence[str], log: Path, patience: float) -> int | None:
    """Return the exit code of a command whose output goes to a file; None where it had to be stopped.

    It has a session of its own, which is told to end and ended whatever ends this process by an exception.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a session: SIGINT, with time to keep what it has, then SIGKILL for whatever is left of it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def section(done: Sequence[Slice], when: str) -> Block:
    """Return the slices as a section of the page."""
    words = {True: "agrees", False: "DIFFERS", None: "nothing to compare"}
    tones = {True: "good", False: "bad", None: "warn"}
    rows = [[one.name, Cell(words[one.agrees], tone=tones[one.agrees]), one.text, f"{one.seconds:,.0f} s"]
            for one in done]  # fmt: skip
    lead = f"A short slice of each section, run {when} on this machine: its verdicts beside the committed ones."
    return Block("Run again", (Prose(lead), table("Slices", ("section", "verdict", "", "took"), rows, texts=(0, 1, 2))))
