"""What loadkit cannot measure, each with its size, and the page of it: `python -m trust.blind`, or `make trust-blind`.

Sizes that the code gives are worked out, two rates are run on an embedded Kafka and on the simulated one (a minute and
a half), and the rest is read from the figures under reports/. `--quick` leaves the runs out and keeps their figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from trust.about import about
from trust.blind import exact, live, page, spots
from trust.blind.page import FIGURES

OUT = Path("reports/trust/blind")
LIVE = "live.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the figures and the page; 1 where there is no size for a spot."""
    parser = argparse.ArgumentParser(prog="python -m trust.blind", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="no runs: their figures stay as they are")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    if not asked.quick:
        _write(asked.out / LIVE, {"runs": live.sizes()}, [])
    path = asked.out / LIVE
    runs = json.loads(path.read_text("utf-8"))["runs"] if path.exists() else []
    worked = exact.sizes()
    found = [spot.facts() for spot in spots.spots(worked, runs)]
    _write(asked.out / FIGURES, {"spots": found, "exact": worked}, ["--quick"] if asked.quick else [])
    for spot in found:
        print(f"{spot['what']}: {spot['size']} [{spot['source']}]")
    print(f"page: {page.write(asked.out)}")
    return 0 if all(spot["size"] for spot in found) else 1


def _write(path: Path, found: dict[str, object], flags: Sequence[str]) -> None:
    document = {**found, **about(["python", "-m", "trust.blind", *flags])}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
