"""The page of an hour's run, as a case of the bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.case import Case
from bench.figures import Criterion
from bench.lab import Lab
from bench.process import run

_HOUR = "import sys; from pathlib import Path; import result_fixture; result_fixture.hour(Path(sys.argv[1]))"


def page(lab: Lab, times: int) -> Case:
    """Return how long `loadkit report` takes for an hour of seven series; the folder comes from the tests' fixture."""
    root = Path(__file__).parent.parent
    rounds: list[dict[str, Any]] = []
    out = lab.folder / "hour"
    program = f"import sys; sys.path.insert(0, {str(root / 'tests')!r}); {_HOUR}"
    run([sys.executable, "-c", program, str(out)], lab.folder)
    for _ in range(times):
        ran = run([sys.executable, "-m", "loadkit", "report", str(out), "--json"], lab.folder)
        size = (out / "report.html").stat().st_size
        rounds.append({"loadkit": {"seconds": ran.wall, "cpu": ran.cpu, "rss": ran.rss, "page_bytes": size}})
        lab.say(f"  page: {ran.wall:.1f} s")
    return Case(
        "page",
        "The page of an hour",
        "`loadkit report` on a made-up run of 3,600 s with two producing classes and a consuming one: start of Python, "
        "reading, summary, table and page.",
        rounds,
        [Criterion("wall time", tuple(one["loadkit"]["seconds"] for one in rounds), "s", "<=", floor=10.0)],
    )  # fmt: skip
