"""Many commands in one subprocess: what a user types, without paying the start of Python for each."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Done:
    """What one command printed, and its exit code."""

    code: int
    out: str
    err: str


def run_all(commands: Mapping[str, Sequence[str]], cwd: Path, timeout: float = 300, **env: str) -> dict[str, Done]:
    """Return what each command did, by name; all run one after the other in one fresh process."""
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps({name: list(words) for name, words in commands.items()}),
        capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr)
    return {name: Done(**row) for name, row in json.loads(done.stdout).items()}


def _main() -> None:
    from loadkit import cli

    results = {}
    for name, words in json.load(sys.stdin).items():
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["loadkit", *words]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
        results[name] = {"code": code, "out": out.getvalue(), "err": err.getvalue()}
    print(json.dumps(results))


if __name__ == "__main__":
    _main()
