"""loadkit beside its peers as a page, from the file beside it: `python -m trust.peers --page`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadkit.report.block import Block, Cell, Part, Prose, block, table
from loadkit.units import format_duration
from trust import page
from trust.claim import SHARE, Claim
from trust.peers.cells import FIGURES, LOADKIT, PEERS, Mode, size_text
from trust.peers.figures import KEPT

OUT = Path("reports/trust/peers")
NAME = "peers.json"
TITLE = "Peers"
METHOD = (
    "The same load by loadkit and by Kafka's own tool, in turn on one embedded cluster: a pair is one run of each, and "
    "each begins every second pair. What drifts with the machine divides out of a pair's ratio; the geometric mean of "
    "the ratios has Student's interval of 95 %. Brokers and generators share the cores of one machine, so absolute "
    "figures show the method and not a cluster. The tools read their clock in whole milliseconds and count from the "
    "call of send, so their percentiles are compared with loadkit's service time; what loadkit calls latency, from the "
    "instant a message was due, stands beside it and has no counterpart there."
)
PAIRS = 5
TITLES: Mapping[Mode, str] = {
    "flat": "Producing as fast as it goes", "rate": "Producing at one rate",
    "echo": "One message at a time, sent and received", "drain": "Consuming a full topic",
}  # fmt: skip
HOW: Mapping[Mode, str] = {
    "flat": "Six partitions, acks=all, idempotent, linger 5 ms, batches of 64 KiB, buffers of 32 MiB. CPU: of the "
    "client's process in the measured seconds (its last ones for the tool), looked at from outside ten times a second.",
    "rate": "As above, at a rate that both carry. Ratios of percentiles are of loadkit's service time to the tool's, "
    "whose whole milliseconds leave a ratio of small ones coarse.",
    "echo": "One partition, linger 0. EndToEndLatency waits for each message before it sends the next and gives whole "
    "milliseconds; loadkit sends 200 a second whether or not the one before has come, and counts from when each was "
    "due. Its ratio is therefore against a tool that never queues.",
    "drain": "About 3.9 million messages of 100 B wait in six partitions; rates of fetching, the joining of the group "
    "left out. loadkit's median second, with integrity checks and end-to-end latency of every message.",
}  # fmt: skip
_COUNTED = "; it counts the time until its last confirmation, and is not judged"
_NAMES = {"rate": "throughput", "cpu": "CPU a message", "p50": "p50", "p99": "p99", "p99.9": "p99.9"}


def _section(mode: Mode) -> page.Part:
    def made(found: page.Found) -> Block | None:
        own = [one for one in found["cells"] if one["mode"] == mode]
        return block(TITLES[mode], list(_parts(mode, own))) if own else None

    return NAME, made


def _parts(mode: Mode, own: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    yield Prose(HOW[mode])
    names = FIGURES[mode]
    head = ("messages", "nodes", "pairs", *(["asked"] if mode == "rate" else []), *(_NAMES[name] for name in names))
    rows = [
        [size_text(one["size"]), str(one["nodes"]), str(len(one["rounds"])),
         *([f"{one['asked']:,}/s"] if mode == "rate" else []), *(_ratio(one["ratios"].get(name)) for name in names)]
        for one in own
    ]  # fmt: skip
    yield table(f"{LOADKIT} / {own[0]['peer']}, with intervals of 95 %", head, rows)
    known = [name for name in dict.fromkeys(name for one in own for who in one["medians"].values() for name in who)]
    medians = [
        [_where(one), who, *(_shown(name, figures.get(name)) for name in known)]
        for one in own for who, figures in one["medians"].items()
    ]  # fmt: skip
    yield table("Medians of both", ("messages", "who", *(_head(name) for name in known)), medians, texts=(0, 1))
    each = [
        [_where(one), str(turn), who,
         *(_shown(name, figures.get(name)) for name in known)]
        for one in own for turn, pair in enumerate(one["rounds"], 1) for who, figures in pair.items()
    ]  # fmt: skip
    head = ("messages", "pair", "who", *(_head(name) for name in known))
    yield table("Every pair", head, each, folded=True, texts=(0, 2))


def _head(name: str) -> str:
    return f"{name.removeprefix('due.')} from due" if name.startswith("due.") else _NAMES.get(name, name)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if name in ("rate", "messages", "lost") else format_duration(value)


def _ratio(found: Mapping[str, Any] | None) -> Cell:
    if found is None:
        return Cell("–", why="fewer than two pairs in which both tell it, and more than 0")
    low, high = found["interval"]
    return Cell(f"{found['ratio']:.2f} ({low:.2f} to {high:.2f})")


def claims(found: page.Found) -> Sequence[Claim]:
    """Return what is promised; a slice of two pairs tells the ratios and whether the rate was kept."""
    cells = found["cells"]
    kept = ((who, *_least(cells, who)) for who in (LOADKIT, PEERS["rate"]))
    made = [Claim(f"least share of a fixed rate that {who} kept", share, ">=", KEPT if who == LOADKIT else None, SHARE,
                  f"{where}{_COUNTED * (who != LOADKIT)}") for who, share, where in kept]  # fmt: skip
    if not found["quick"]:
        made.insert(0, Claim("pairs of a comparison, fewest", min(len(one["rounds"]) for one in cells), ">=", PAIRS))
        made += [
            Claim(f"flat-out comparisons of {len(flat)} in which loadkit {words} beyond noise", worse, "<=", 0)
            for flat in [[one for one in cells if one["mode"] == "flat"]]
            for words, worse in (("is slower", _beyond(flat, "rate", 1)), ("takes more CPU", _beyond(flat, "cpu", -1)))
        ]
    return made + [
        Claim(f"{_NAMES[name]}, {_words(one)}: loadkit / {one['peer']}", ratio["ratio"],
              interval=(ratio["interval"][0], ratio["interval"][1]))
        for one in cells for name, ratio in one["ratios"].items() if ratio
    ]  # fmt: skip


def _least(cells: Sequence[Mapping[str, Any]], who: str) -> tuple[float | None, str]:
    """Return the least share of a fixed rate that a contestant kept in any pair, and where."""
    shares = [
        (pair[who]["rate"] / one["asked"], _where(one)) for one in cells if one["asked"] for pair in one["rounds"]
    ]
    return min(shares, default=(None, ""))


def _beyond(cells: Sequence[Mapping[str, Any]], name: str, sense: int) -> int:
    """Return in how many comparisons loadkit is worse and 1 lies outside of the interval; `sense` 1: more is better."""
    ratios = [one["ratios"][name] for one in cells if one["ratios"].get(name)]
    return sum(one["interval"][1] < 1 if sense > 0 else one["interval"][0] > 1 for one in ratios)


def _words(one: Mapping[str, Any]) -> str:
    at = f" at {one['asked']:,}/s" if one["asked"] else ""
    how = {"flat": "flat out", "rate": "producing", "echo": "echo", "drain": "draining"}[one["mode"]]
    return f"{how}{at}, {_where(one)}"


def _where(one: Mapping[str, Any]) -> str:
    return f"{size_text(one['size'])} on {one['nodes']} node{'s' * (one['nodes'] > 1)}"


PARTS: tuple[page.Part, ...] = tuple(_section(mode) for mode in TITLES)
CLAIMS: Mapping[str, page.Claims] = {NAME: claims}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, TITLE, PARTS)
