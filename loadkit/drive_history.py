"""`--history DIR` of `loadkit gate` and `loadkit report`: the trend of stored results, put beside a gate's verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from loadkit import kept
from loadkit.gate import history, store
from loadkit.gate.thresholds import parse_all

CSV = "history.csv"


@dataclass(frozen=True, slots=True)
class History:
    """Where stored results lie, and whether those of other classes of machines belong with them."""

    folder: Path
    any_host: bool = False


def put(out: Path, asked: History) -> None:
    """Put the trend of a finished gate's metrics into its `gate.json`, and the same results as CSV beside it.

    The verdict stays as it is. The CSV is what Apache Otava reads: a column `time`, an attribute `result`, a column a
    metric. UsageError where there is no gate, or no folder of history.
    """
    document = store.read(out)
    metrics = list(dict.fromkeys(one.metric for one in parse_all(document["fail_if"])))
    row = history.gather(asked.folder, history.of_gate(out, document), asked.any_host)
    document["trend"] = {
        "history": str(asked.folder), "any_host": asked.any_host, "series": history.trends(row, metrics),
        "left_out": [{**asdict(one), "folder": str(one.folder)} for one in row.left_out],
    }  # fmt: skip
    store.write(out, document)
    kept.replace(out / CSV, history.csv_of(row, metrics))
