"""Whether the fast lane is safe: `python -m bench.stress [--small 100e6] [--minutes 60] [--memcheck]`.

Laps of everything it does, on an embedded Kafka whose broker is killed again and again, in processes that end after a
few minutes, so that a call which is stopped goes on where it was. Exits 1 on a loss, a crash or a leak.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from bench import stress_page
from bench.__main__ import say
from bench.about import about, load_now
from bench.lab import Lab, open_lab

CHUNK_SECONDS = 900.0
"""How long one process drives laps: memory is compared within it."""
DEAD = 2.0
"""Seconds that a killed broker stays dead before it is started again."""
KILL_AFTER = (60.0, 150.0)
"""Seconds of the measured phase, of which the broker runs between two kills. It is left alone while a lap opens and
closes: topics cannot be made on a broker that is not there."""
SUPPRESSIONS = Path(__file__).with_name("valgrind.supp")
LAP = 8_000_000
"""Small messages that are due in a lap."""


class Killer:
    """Kills the broker and starts it again, at random times, while a lap is being measured."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self.kills = lab, 0
        self.measuring, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._done.wait(random.uniform(*KILL_AFTER)):
            if self.measuring.is_set():
                self._lab.cluster.kill_node(0)
                self.kills += 1
                time.sleep(DEAD)
                self._lab.cluster.start_node(0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def chunk(lab: Lab, settings: dict[str, Any], kill: bool, before: Sequence[str] = ()) -> dict[str, Any]:
    """Return what one process found: its laps, how it ended, how often the broker was killed."""
    command = [*before, sys.executable, "-m", "bench.stress_laps", json.dumps({**settings, "target": str(lab.target)})]
    laps: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryFile("w+", dir=lab.folder, encoding="utf-8") as err,
        Killer(lab) as killer,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                told = json.loads(line)
                if "measuring" not in told:
                    laps.append(told)
                    say(stress_page.line(told))
                elif told["measuring"] and kill:
                    killer.measuring.set()
                else:
                    killer.measuring.clear()
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        err.seek(0)
        said = err.read()
    return {"laps": laps, "exit": code, "kills": killer.kills, "said": said[-4000:] if code else ""}


def stress(lab: Lab, asked: argparse.Namespace, done: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield chunks until so many messages were confirmed, all chunks `done` before included, or the time is up."""
    until = time.monotonic() + 60 * asked.minutes
    while (left := asked.small - stress_page.confirmed(done, "Small")) > 0 and time.monotonic() < until:
        settings = {
            "rate": asked.rate, "goal": left, "messages": round(min(LAP, left) * stress_page.ALL_PER_SMALL),
            "seconds": min(CHUNK_SECONDS, until - time.monotonic()), "warmup": 1.0, "churn": 3.0,
        }  # fmt: skip
        found = chunk(lab, settings, kill=True)
        done.append(found)
        yield found
        if found["exit"]:
            return


def memcheck(lab: Lab, asked: argparse.Namespace) -> dict[str, Any]:
    """Return one chunk of a single lap under valgrind, with the errors that it reports."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("make memcheck: valgrind is not installed, nothing was checked: apt-get install valgrind")
    log = lab.folder / "valgrind.log"
    command = [
        "env", "PYTHONMALLOC=malloc", valgrind, "--tool=memcheck", "--fair-sched=yes",
        "--num-callers=30", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
        f"--suppressions={SUPPRESSIONS}", f"--log-file={log}",
    ]  # fmt: skip
    settings = {
        "rate": asked.memcheck_rate, "goal": asked.memcheck, "warmup": 20.0, "churn": 20.0, "seconds": 1e9,
        "messages": round(asked.memcheck * stress_page.ALL_PER_SMALL),
    }  # fmt: skip
    found = chunk(lab, settings, kill=False, before=command)
    text = log.read_text("utf-8", "replace")
    (asked.out / "valgrind.log").write_text(text, "utf-8")
    return found | {"valgrind": stress_page.read_valgrind(text)}


def main() -> int:
    """Return the exit code: 1 on a loss, a crash or a leak, or when the goal was not reached in time."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the process of the laps ends too
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "stress.json"
    document = stress_page.opened(file, fresh=asked.fresh)
    with open_lab(say, 1.0) as lab:
        run = about(lab, ["python", "-m", "bench.stress", *sys.argv[1:]], load_now())
        if asked.memcheck:
            document["memcheck"] = {"run": run, "chunk": memcheck(lab, asked)}
            stress_page.keep(document, file)
        else:
            done: list[dict[str, Any]] = document["chunks"]
            for found in stress(lab, asked, done):
                found["run"] = run
                stress_page.keep(document, file)
    print(stress_page.page(document))
    faults = stress_page.faults(document)
    for fault in faults:
        say(f"fault: {fault}")
    missing = 0 if asked.memcheck else asked.small - stress_page.confirmed(document["chunks"], "Small")
    if missing > 0 and not faults:
        say(f"{missing:,} messages are left: call it again")
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.stress", description=__doc__)
    parser.add_argument("--small", type=_count, default=100_000_000, help="messages of 100 B in all (default 100e6)")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long; call again to go on")
    parser.add_argument("--rate", type=_count, default=200_000, help="small messages a second (default 200e3)")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier calls did")
    parser.add_argument("--memcheck", type=_count, nargs="?", const=1_000_000, default=0,
                        help="run so many messages (1e6) under valgrind instead")  # fmt: skip
    parser.add_argument(
        "--memcheck-rate", type=_count, default=1_500, help="messages a second under valgrind (default 1500)"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/stress"), help="folder of stress.json and stress.md")
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    return asked


def _count(text: str) -> int:
    """Return a whole number, also of `100e6`."""
    return int(float(text))


if __name__ == "__main__":
    sys.exit(main())
