"""What was compared: the sides, where they differ, the machine, the command and the files."""

from __future__ import annotations

import shlex

from loadkit.gate.store import FILE, TRIALS
from loadkit.report.block import Block, Code, block, table
from loadkit.report.flat import flat, text
from loadkit.report.gate.view import View

TITLE = "What was compared"
ORDER = 80
_FILES = (
    (FILE, "verdict, comparisons, and every trial with its metrics"),
    ("junit.xml", "the same verdict for a CI server"),
    ("summary.md", "the same for a pull request"),
    ("history.csv", "the stored results of the trend, as Apache Otava reads them"),
    (TRIALS, "each trial's own files: facts, histograms, series; `loadkit report` makes a page of any"),
)


def build(view: View) -> Block | None:
    """Return the sides, their differences, environment, command and files."""
    document = view.document
    one, other = document["sides"]
    sides = [[name, text(one.get(name)), text(other.get(name))] for name in one if name != "name" and
             (one.get(name) or other.get(name))]  # fmt: skip
    differs = [[row["path"], text(row["baseline"]), text(row["candidate"])] for row in document["differences"]]
    noise = document.get("noise") or {}
    measured = {
        "machine": document["host"]["name"], "seed": document["seed"], "duration (s)": document["duration"],
        "A/A noise from": noise.get("date") or "none stored",
    }  # fmt: skip
    files = [[name, about] for name, about in _FILES if (view.out / name).exists()]
    return block(TITLE, [
        table("Sides", ("", "baseline", "candidate"), sides, texts=(0, 1, 2)),
        table("Where their results differ", ("fact", "baseline", "candidate"), differs, texts=(0, 1, 2))
        if differs else None,
        table("Measured on", ("fact", "value"), flat({**measured, **document["environment"]}), texts=(0, 1), half=True),
        table("Files beside this page", ("file", "holds"), files, texts=(0, 1), half=True),
        Code(shlex.join(str(word) for word in document["argv"])),
    ])  # fmt: skip
