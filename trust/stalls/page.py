"""What was found out about stalls as a page, from the file beside it: `python -m trust.stalls --page`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Chart, Points, Prose, block, table
from loadkit.units import format_duration
from trust import page
from trust.claim import SHARE, Claim, counted
from trust.stalls import pictures

FIGURES = "cases.json"
TITLE = "Stalls: reported percentiles against injected truth"
METHOD = (
    "A proxy between client and broker delays, limits, stalls or resets what passes, or a broker is stopped, and logs "
    "when the response to each produce and fetch had left, with the offsets it carried. An ordinary consumer reads the "
    "topic afterwards: each message's stamp says when it was due, its CreateTime when the client library took it. "
    "Percentiles of these instants, message by message, stand beside those that `loadkit run` reported; Kafka's own "
    "tools ran at the same rate through the same proxy."
)
_NAMES = {"latency": "latency", "service_time": "service time", "end_to_end": "end-to-end"}
_QUANTILES = ("p50", "p90", "p99", "p99.9", "max")
_STATED = ("send delay p50", "p99", "passage p50", "p99", "writing p99", "polls apart p99")
_TOOL = "kafka-producer-perf-test"

Found = Mapping[str, Any]


def percentiles(found: Found) -> Block | None:
    """Return every percentile of every case: what the record says, what was reported, and the difference."""
    allowed = f"{found['allowed_share']:.0%} or {found['allowed_s'] * 1e3:g} ms, the larger of both"
    lead = (
        f"{found['rate']:,} messages of {found['size']} B a second for {found['seconds']} s, one partition, acks=all, "
        f"idempotent, else defaults. Each cell: reported, and its difference from the record (ms); allowed: {allowed}."
    )
    head = ("what goes wrong", *_QUANTILES, "verdict")
    return block("Reported percentiles beside the record", [
        Prose(lead), *(table(words[0].upper() + words[1:], head, [_row(case, series) for case in found["cases"]],
                             texts=(0, 6)) for series, words in _NAMES.items()),
        table("The record itself", ("what goes wrong", "series", *_QUANTILES),
              [_truths(case, series) for case in found["cases"] for series in _NAMES], texts=(0, 1), folded=True),
        table("Not judged", ("what goes wrong", *_STATED), [_stated(case) for case in found["cases"]], folded=True),
        Points((*_LIMITS, *_unsent(found["cases"]))),
    ])  # fmt: skip


_LIMITS = (
    "Latency and end-to-end: the record's instant is when the last byte was handed to the client's connection. What "
    "the client needs from there until it has noted the message is in the reported figure and not in the record's.",
    "Service time: no proxy sees when a message was handed over. The record takes librdkafka's CreateTime, whole "
    "milliseconds of the wall clock, as their middles, so a single value is known to half a millisecond. It is at "
    "least the passage, from request passed on to response left. Send delay (in brackets by CreateTime) is not judged.",
    "The record's own uncertainty is the writing: how long the call took that hands a response over. The run's is the "
    "time between two polls for confirmations.",
    "Two responses that carried the same offset (a reset in between): the last counts, since a client that has the "
    "first does not ask again.",
    "One machine, one clock: what clocks of several hosts do to end-to-end is not seen here.",
)


def _row(case: Found, series: str) -> list[Cell | str]:
    rows = {row["quantile"]: row for row in case["loadkit"]["rows"] if row["series"] == series}
    missed = [name for name, row in rows.items() if not row["kept"]]
    verdict = Cell("kept", tone="good") if rows and not missed else Cell(f"missed: {', '.join(missed)}", tone="bad")
    return [case["title"], *(_reported(rows.get(name)) for name in _QUANTILES), verdict]


def _reported(row: Found | None) -> Cell:
    if row is None:
        return Cell("–", why="too few messages lie beyond it")
    if row["reported"] is None:
        return Cell("–", why="withheld by the run", tone="bad")
    text = f"{row['reported'] * 1e3:,.2f} ({row['difference'] * 1e3:+.2f})"
    return Cell(text, tone="" if row["kept"] else "bad", value=row["reported"])


def _truths(case: Found, series: str) -> list[Cell | str]:
    rows = {row["quantile"]: row for row in case["loadkit"]["rows"] if row["series"] == series}
    return [case["title"], _NAMES[series],
            *(_ms(rows[name]["truth"]) if name in rows else "–" for name in _QUANTILES)]  # fmt: skip


def _unsent(cases: Sequence[Found]) -> list[str]:
    return [f"{case['title']}: {case['loadkit']['unsent']:,} messages were never sent. The run counts them as unsent; "
            "no figure of latency holds them." for case in cases if case["loadkit"]["unsent"]]  # fmt: skip


def _stated(case: Found) -> list[str]:
    ours = case["loadkit"]
    delays = (f"{_ms(ours['send_delay'][name][1])} ({_ms(ours['send_delay'][name][0])})" for name in ("p50", "p99"))
    return [case["title"], *delays, *(_ms(ours["floor"][name]) for name in ("p50", "p99")),
            _ms(ours["record"]["writing_p99"]), _ms(ours["acked_p99"])]  # fmt: skip


def tools(found: Found) -> Block | None:
    """Return what Kafka's own tools reported of the same faults."""
    cases = [case for case in found["cases"] if case.get("tools")]
    if not cases:
        return None
    said = [[case["title"], *(_beside(case["tools"], name) for name in ("p50", "p99", "p99.9", "max"))]
            for case in cases]  # fmt: skip
    read = [[case["title"], f"{case['tools']['consumer']['printed_rate']:,.0f}/s",
             format_duration(case["tools"]["consumer"]["gap"])] for case in cases]  # fmt: skip
    lead = (
        f"{_TOOL} at --throughput {found['rate']}, acks=all, idempotent, linger 5 ms. Its clock starts at the call of "
        "send(), which may come late and may block, and it prints whole milliseconds. Each cell: printed, and in "
        "brackets what the record of the same run says about the same messages, counted from when each was due at that "
        "rate, which is known to a millisecond. Marked: more than that, and than 2 %, below the record."
    )
    return block("Kafka's own tools under the same faults", [
        Prose(lead), table(_TOOL, ("what goes wrong", "p50", "p99", "p99.9", "max"), said),
        Prose("kafka-consumer-perf-test read the same messages. It prints a rate of the whole run and no latency: "
              "beside it the longest time in which it got nothing."),
        table("kafka-consumer-perf-test", ("what goes wrong", "printed", "longest gap"), read), *_echoes(found),
    ])  # fmt: skip


def _beside(tool: Found, name: str) -> Cell | str:
    printed, true = tool["printed"][name], tool["truth"].get(name)
    if true is None:
        return _ms(printed)
    short = true - printed > max(0.001, 0.02 * true)
    return Cell(f"{printed * 1e3:,.0f} ({_ms(true)})", tone="warn" if short else "", value=printed)


def _echoes(found: Found) -> list[Any]:
    names = ("p50", "p99", "p99.9")
    rows = [
        [case["title"], f"{case['echoes']['messages']:,} in {case['echoes']['seconds']:.0f} s",
         *(f"{case['echoes']['printed'][name] * 1e3:,.0f} ({_ms(_true(case, name))})" for name in names)]
        for case in found["cases"] if case.get("echoes")
    ]  # fmt: skip
    if not rows:
        return []
    lead = (
        "EndToEndLatency sends a message when it has got the one before, so a stall costs it one message where a "
        "steady flow has hundreds. Each cell: printed, and in brackets the truth of end-to-end that the record of "
        f"loadkit's run gives for {found['rate']:,} messages a second under the same fault."
    )
    return [Prose(lead), table("EndToEndLatency", ("what goes wrong", "messages", *names), rows, texts=(0, 1))]


def _true(case: Found, name: str) -> float | None:
    rows = case["loadkit"]["rows"]
    return next((row["truth"] for row in rows if (row["series"], row["quantile"]) == ("end_to_end", name)), None)


def curves(found: Found) -> Block | None:
    """Return how latency is spread in the cases that stall, by each witness."""
    shown = [case for case in found["cases"] if case["case"] in ("stall", "full", "stalls", "leader")]
    charts = [Chart(f"curve-{case['case']}", case["title"], pictures.curve(case), half=True) for case in shown]
    lead = (
        "Latency by the share of messages that it does not exceed: the record, what loadkit reported, and what "
        f"{_TOOL} printed of its own run under the same fault."
    )
    return block("Who sees a stall", [Prose(lead), *charts]) if charts else None


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:,.2f} ms"


def claims(found: Found) -> list[Claim]:
    """Return what is promised: percentiles as the record has them, and every message accounted for in the record."""
    made = [_inside(found["cases"], series) for series in _NAMES]
    whole = sum(ours["messages"] + ours["unsent"] == found["rate"] * found["seconds"] and not ours["untold"]
                for ours in (case["loadkit"] for case in found["cases"]))  # fmt: skip
    made.append(Claim("cases in which the record holds every message", whole / len(found["cases"]), ">=", 1.0, "%"))
    under = _under(found["cases"])
    if under:
        case, printed, true = under
        made.append(Claim(f"{_TOOL}: most that its p99 is below the truth", (true - printed) * 1e3, ">=", None, "ms",
                          f"{case}: it printed {printed * 1e3:,.0f} ms of {true * 1e3:,.0f} ms"))  # fmt: skip
    return made


def _inside(cases: Sequence[Found], series: str) -> Claim:
    """Return the share of a series' percentiles that lie where they may, and the one that is furthest off."""
    rows = [(case, row) for case in cases for row in case["loadkit"]["rows"] if row["series"] == series]
    told = [(abs(row["difference"]) / row["allowed"], case, row) for case, row in rows if row["reported"] is not None]
    text = f"{_NAMES[series]}: percentiles within 2 % or 0.5 ms of the record"
    if len(told) < len(rows) or not told:
        return Claim(text, None, ">=", 1.0, SHARE)
    share, case, row = max(told, key=lambda one: one[0])
    inside = sum(row["kept"] for _, row in rows)
    note = (
        f"{inside} of {len(rows)}; the furthest is {row['quantile']} of {case['title']}, {share:.2f} times as far off "
        f"as is allowed: {_ms(row['reported'])}, the record says {_ms(row['truth'])}"
    )
    return counted(text, inside, len(rows), ">=", 1.0, note)


def _under(cases: Sequence[Found]) -> tuple[str, float, float] | None:
    """Return the case in which the producer tool's p99 is furthest below the truth: its title, printed, true (s)."""
    found = [(case["title"], case["tools"]["printed"]["p99"], case["tools"]["truth"]["p99"])
             for case in cases if case.get("tools")]  # fmt: skip
    return max(found, key=lambda one: one[2] - one[1], default=None)


PARTS: tuple[page.Part, ...] = ((FIGURES, percentiles), (FIGURES, curves), (FIGURES, tools))
CLAIMS: Mapping[str, Callable[[Found], Sequence[Claim]]] = {FIGURES: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
