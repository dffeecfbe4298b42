"""What a trial leaves on disk, and the only code that writes or reads it.

    result.json       facts and, at the end, the summary; `status: running` until then; replaced by rename
    histograms.hlog   one line a second and series, in microseconds (tags `Checkout.latency`, `warmup:Checkout.latency`)
    series.jsonl      one row a second and subject; flushed each second; a torn last line is skipped and counted
    series.parquet    the same rows, written at the end

Schema history: 1 (first). Times `t` are seconds since the schedule began; `phases` in result.json
says which of them were measured. A row is `{"t", "phase", "kind", "name", ...numbers}`:
`producer` and `consumer` rows are named by class, `partition` rows `topic/3`, `group` rows `Class/topic/3` (lag and
status of a consuming class on a partition, by the rules of `standing`), `host` rows by worker, `client` rows
`Class@worker` (librdkafka's statistics), `broker` rows by broker. `clock` rows are of load processes that do not share
the master's clock: at the raw instant `at_ns` theirs was read `offset_ns` ahead, wrong by `bound_ns`
at most since the row before; `round_trip_ns` is the last exchange's, `pace_ppm` how much faster it was made to go, and
`breaks` how often measured offsets contradicted each other (a clock stepped: the bound did not hold).
"""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from loadkit import kept
from loadkit.errors import RunError, UsageError
from loadkit.histogram import (
    Histogram,
    LogLine,
    RawLine,
    bounds,
    decode_rows,
    read_log,
    write_log_header,
    write_log_line,
)

SCHEMA = 1
RESULT, HLOG, SERIES, PARQUET, PAGE = "result.json", "histograms.hlog", "series.jsonl", "series.parquet", "report.html"
Row = dict[str, Any]


class Writer:
    """Appends a trial's measurements to its folder, so that a run that dies leaves what it had."""

    def __init__(self, out: Path, facts: Mapping[str, Any]) -> None:
        """Create the folder and `result.json`; UsageError when it holds another result."""
        self.out = out
        self.facts: dict[str, Any] = {"schema": SCHEMA, "status": "running", **facts}
        claim(out)
        try:
            out.mkdir(parents=True, exist_ok=True)
            self.write_facts()
            self._hlog = (out / HLOG).open("w", encoding="utf-8")
            self._series = (out / SERIES).open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}; give a folder that can be written") from None

    def begin(self, started_epoch: float, iso: str) -> None:
        """Write the HDR log's head: its times count from `started_epoch` (seconds since 1970)."""
        self.facts |= {"started_epoch": started_epoch, "started_at": iso}
        write_log_header(self._hlog, started_epoch, iso)
        self.write_facts()

    def append(self, lines: Iterable[LogLine], rows: Iterable[Row]) -> None:
        """Append one flush of intervals and rows; RunError when the disk takes no more."""
        try:
            for line in lines:
                write_log_line(self._hlog, line)
            for row in rows:
                self._series.write(json.dumps(row, separators=(",", ":")) + "\n")
            self._hlog.flush()
            self._series.flush()
        except OSError as error:
            raise self._lost(error) from None

    def write_facts(self) -> None:
        """Replace `result.json` by rename, so that it is whole at any instant."""
        kept.write(self.out / RESULT, self.facts)

    def close(self, **facts: Any) -> None:
        """Write the last facts and the parquet copy of the rows; files already written stay as they are."""
        self.facts |= facts
        for file in (self._hlog, self._series):
            try:
                file.close()
            except OSError:  # a full disk: what was flushed before is kept
                continue
        try:
            self.write_facts()
            write_parquet(self.out)
        except OSError as error:
            raise self._lost(error) from None

    def _lost(self, error: OSError) -> RunError:
        what = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        return RunError(f"--out {self.out}: {what}; what was measured before is kept there, free space and run again")


def claim(out: Path) -> None:
    """Raise UsageError if `out` is a file or holds a result or anything else already."""
    if out.is_file():
        raise UsageError(f"--out {out} is a file; give a folder")
    if (out / RESULT).exists():
        raise UsageError(f"--out {out} holds another run; give a new folder, or remove it")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty; give a new folder")


def write_parquet(out: Path) -> None:
    """Write `series.parquet` from the rows of `series.jsonl`."""
    rows = [{key: value for key, value in row.items() if not isinstance(value, (dict, list))}
            for row in read_rows(out)[0]]  # fmt: skip
    write_table(rows, out / PARQUET)


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write rows as Parquet; a row need not have every column."""
    import pyarrow
    from pyarrow import parquet

    names = dict.fromkeys(name for row in rows for name in row)
    parquet.write_table(pyarrow.table({name: [row.get(name) for row in rows] for name in names}), path)


def read_rows(out: Path) -> tuple[list[Row], int]:
    """Return the rows of `series.jsonl` and how many lines were torn."""
    rows: list[Row] = []
    torn = 0
    path = out / SERIES
    if not path.exists():
        return rows, torn
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                rows.append(json.loads(line))
            except ValueError:
                torn += 1
    return rows, torn


@dataclass(frozen=True, slots=True)
class Track:
    """One series' interval histograms: row i of `counts` is the second `seconds[i]` of the schedule."""

    tag: str
    seconds: NDArray[np.int64]
    counts: Any  # scipy.sparse.csr_array, seconds x count index
    maxima: NDArray[np.float64]

    @property
    def total(self) -> Histogram:
        """All intervals merged."""
        exact = int(self.maxima.max()) if len(self.maxima) else None
        return Histogram.of(np.asarray(self.counts.sum(axis=0), np.int64).ravel(), exact)


def merged(tag: str, tracks: Iterable[Track]) -> Track:
    """Return the sum of several tracks as one, second by second."""
    parts = list(tracks)
    if len(parts) == 1:
        return Track(tag, parts[0].seconds, parts[0].counts, parts[0].maxima)
    seconds = np.unique(np.concatenate([part.seconds for part in parts]))
    maxima = np.zeros(len(seconds))
    counts = sparse.csr_array((len(seconds), len(bounds()[0])), dtype=np.int64)
    for part in parts:
        at = np.searchsorted(seconds, part.seconds)
        np.maximum.at(maxima, at, part.maxima)
        counts = counts + (part.counts if len(at) == len(seconds) else _summing(at, len(seconds)) @ part.counts)
    return Track(tag, seconds, counts, maxima)


def read_tracks(out: Path) -> dict[str, Track]:
    """Return the tracks of `histograms.hlog` by tag; several lines of one second are added."""
    found: dict[str, list[RawLine]] = {}
    path = out / HLOG
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in read_log(file):
            found.setdefault(line.tag, []).append(line)
    return {tag: _track(tag, lines) for tag, lines in found.items()}


_AT_ONCE = 64
"""Histograms decoded together: enough to save the calls, few enough for the processor's cache."""


def _track(tag: str, lines: list[RawLine]) -> Track:
    lines.sort(key=lambda line: line.start)
    groups = [lines[at : at + _AT_ONCE] for at in range(0, len(lines), _AT_ONCE)]
    decoded = [decode_rows([line.payload for line in group]) for group in groups]
    filled, columns, values = (np.concatenate([part[side] for part in decoded]) for side in range(3))
    by_line = sparse.csr_array(
        (values, columns.astype(np.int32), np.concatenate([[0], np.cumsum(filled)]).astype(np.int32)),
        shape=(len(lines), len(bounds()[0])),
    )
    seconds, row = np.unique(np.array([round(line.start) for line in lines]), return_inverse=True)
    counts = by_line if len(seconds) == len(lines) else _summing(row, len(seconds)) @ by_line
    maxima = np.zeros(len(seconds))
    np.maximum.at(maxima, row, np.array([line.max for line in lines], float))
    return Track(tag, seconds, counts, maxima)


def _summing(row: NDArray[np.int64], rows: int) -> Any:
    """Return the matrix that adds line i into row `row[i]`."""
    return sparse.csr_array((np.ones(len(row), np.int64), (row, np.arange(len(row)))), shape=(rows, len(row)))


@dataclass(frozen=True, slots=True)
class Result:
    """A trial as read from disk; complete, or as far as it came."""

    out: Path
    facts: Mapping[str, Any]
    rows: list[Row] = field(repr=False)
    tracks: dict[str, Track] = field(repr=False)
    torn: int = 0

    @property
    def measured(self) -> tuple[float, float]:
        """Start and end (seconds since the schedule began) of the measured phase; (0, 0) if it never began."""
        for phase in self.facts.get("phases", ()):
            if phase["name"] == "measure":
                start = float(phase["start"])
                planned = math.inf if phase.get("end") is None else float(phase["end"])
                whole = self.facts.get("status") == "complete" and planned < math.inf
                return start, planned if whole else min(planned, self._counted(start)[1])
        return self._counted(None)

    def _counted(self, start: float | None) -> tuple[float, float]:
        """Return from `start` (or the first) to the last whole second in which messages were counted."""
        counted = ("due", "sent", "acked", "received")
        rows = (row for row in self.rows if row["phase"] == "measure" and row["kind"] in ("producer", "consumer"))
        seconds = [row["t"] for row in rows if any(row.get(name) for name in counted)]
        if not seconds:
            return start or 0.0, start or 0.0
        return (float(min(seconds)) if start is None else start), float(max(seconds)) + 1.0

    @property
    def has_brokers(self) -> bool:
        """Whether there were brokers, and not a model or a sink in their place."""
        return (self.facts.get("target") or {}).get("kind") in ("embedded", "external")

    def of_kind(self, kind: str, phase: str | None = "measure") -> list[Row]:
        """Return the rows of one kind, of one phase or of all."""
        return [row for row in self.rows if row["kind"] == kind and (phase is None or row["phase"] == phase)]


def load(out: Path) -> Result:
    """Return the result in a folder; UsageError when there is none, a partial one when the run died."""
    facts = kept.read(out / RESULT, SCHEMA, "result", "loadkit run --out")
    rows, torn = read_rows(out)
    return Result(out, facts, rows, read_tracks(out), torn)


def measured_rows(result: Result) -> list[Row]:
    """Return the rows of the seconds of the measured phase."""
    start, end = result.measured
    return [row for row in result.rows if start <= row["t"] < end]
