"""The blind spots in words, each with the size that the figures beside it give; nothing is written by hand here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadkit.drivers import AHEAD_BYTES, CHUNK
from loadkit.report.block import Block, Prose, block, table
from loadkit.scenario import ConsumerWorkload
from loadkit.units import format_duration

BENCH = Path("reports/bench/bench.json")
GATES = Path("reports/trust/gate/live.json")
INTERVALS = Path("reports/trust/intervals/coverage.json")
PEERS = Path("reports/trust/peers/peers.json")
TAKE = int(ConsumerWorkload.model_fields["poll_size"].default)
Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """One blind spot."""

    what: str
    effect: str
    """Which way it moves a figure, or what is not known."""
    size: str
    source: str
    """The figures that the size is from."""

    def facts(self) -> dict[str, str]:
        """Return the fields by name."""
        return asdict(self)


def spots(exact: Figures, live: list[Figures]) -> list[Spot]:
    """Return every blind spot whose figures are there."""
    found = [*_of_clocks(live), *_of_figures(exact), *_of_messages(exact), *_of_what_runs(live)]
    return [*found, *_of_the_client(), *_of_noise()]


def _of_clocks(live: list[Figures]) -> Iterator[Spot]:
    for one in live:
        if one["target"] == "embedded" and one["poll_gap_p99"] is not None:
            widest = "" if one["poll_gap_widest"] is None else f"; the widest {_time(one['poll_gap_widest'])}"
            yield Spot(
                f"Acknowledgements are read when the client is polled ({one['rate']})", "latency reads high, never low",
                f"up to {_time(one['poll_gap_p99'])} (p99 of the gaps between polls){widest}", "live",
            )  # fmt: skip
    if apart := _median(BENCH, "single", "difference"):
        yield Spot("Median latency beside one message at a time, polled without a pause (1,000 msg/s, linger 0)",
                   "either way", f"{apart} apart", str(BENCH))  # fmt: skip
    if apart := _median(BENCH, "delayed", "difference"):
        yield Spot("Median latency beside what a proxy logs that holds responses back",
                   "the client's own queue, socket and wake-up are in the latency, and in no proxy's log",
                   f"{apart} apart", str(BENCH))  # fmt: skip
    for size, name in ((100, "100B"), (1024, "1KiB"), (10 * 1024, "10KiB")):
        if rate := _criterion(BENCH, "sizes", f"{name} a core"):
            chunk = min(CHUNK, AHEAD_BYTES // size)
            yield Spot(
                f"`sent` is interpolated over a chunk ({chunk:,} messages of {name} at most)",
                "send delay against service time; latency is not touched",
                f"up to {_time(chunk / rate['median'])} flat out; paced load fills no chunk", str(BENCH),
            )  # fmt: skip
    if cost := _criterion(BENCH, "consuming", "CPU a message, loadkit"):
        yield Spot(
            f"Messages of one take ({TAKE:,} at most) share one clock reading", "end to end holds the wait while the "
            "take before it was worked through, and nothing of what a consumer does with a message",
            f"up to {_time(TAKE * cost['median'] / 1e6)} flat out; at ease a take is a message or a batch", str(BENCH),
        )  # fmt: skip
    yield Spot(
        "Load processes on several hosts", "end to end across hosts is known to a bound of half a round trip or so, "
        "which the run tells; latency, service time and send delay are of one clock each",
        "up to 10 % of the median; withheld beyond that", "by design",
    )  # fmt: skip


def _of_figures(exact: Figures) -> Iterator[Spot]:
    found, few = exact["histogram"], exact["few"]
    yield Spot("A histogram keeps three digits", "percentiles read high",
               f"by {found['widest']:.3%} at most; values below {found['exact_below_us'] / 1e3:.3f} ms are exact to "
               "their 1 µs", "exact")  # fmt: skip
    yield Spot("Nothing above an hour fits into a histogram", "percentiles read low; counted as `overflow`, and the "
               "maximum stays true", f"two hours read as {found['two_hours_us'] / 3.6e9:.2f} h", "exact")  # fmt: skip
    yield Spot(f"A percentile is shown from {few['beyond']} values beyond it on", "either way", f"with so few, "
               f"{few['low']:.1f} to {few['high']:.1f} are to be expected there (95 %, where no value has to do with "
               "another)", "exact")  # fmt: skip
    shares = exact["decay"]
    yield Spot("A broker's own p99 decays over minutes and knows nothing of phases", "what was before the run is in "
               "it", f"{shares['30']:.0%} of it are from the last 30 s, {shares['60']:.0%} from the last minute, "
               f"{shares['300']:.0%} from the last five", "exact")  # fmt: skip


def _of_messages(exact: Figures) -> Iterator[Spot]:
    for one in exact["stamp"]:
        yield Spot(
            f"A stamp hardly compresses ({one['payload']} of {one['bytes']:,} B, zlib)", "compression reads low, bytes "
            "on the wire and disk high", f"{one['bytes_a_message']} B a message: {one['ratio']} : 1 instead of "
            f"{one['ratio_without']} : 1", "exact",
        )  # fmt: skip
    twins = exact["duplicates"]
    yield Spot(
        "A duplicate far behind its twin", "still counted, under another name",
        f"more than {twins['apart']:,} messages apart it is {twins['far']}, nearer {twins['near']}", "exact",
    )  # fmt: skip
    yield Spot("acks=0 gives no offsets", "lost, duplicated and reordered are not known, and said to be null",
               "all of it", "by design")  # fmt: skip
    yield Spot("An acknowledgement is no proof of a disk", "what all replicas would lose with their page caches "
               "cannot be seen from a client", "all of it", "by design")  # fmt: skip


def _of_what_runs(live: list[Figures]) -> Iterator[Spot]:
    by_rate: dict[str, dict[str, Figures]] = {}
    for one in live:
        by_rate.setdefault(one["rate"], {})[one["target"]] = one
    for rate, pair in by_rate.items():
        if {"embedded", "simulated"} <= pair.keys():
            real, model = pair["embedded"], pair["simulated"]
            yield Spot(
                f"The simulated cluster is a model and no Kafka ({rate})", "it tests searches, gates and plans; its "
                "figures are of no cluster", "; ".join(
                    f"{name} {_time(model[name])} where a Kafka on this machine had {_time(real[name])}"
                    for name in ("latency.p50", "latency.p99") if model[name] and real[name]
                ), "live",
            )  # fmt: skip
    for name in ("p50", "p99"):
        if delay := _criterion(BENCH, "mixed", f"send delay {name}"):
            yield Spot(
                f"Brokers on the generator's own cores ({name} of send delay, 50,000 msg/s)", "latency reads high",
                f"{delay['median']:.3g} ms ({delay['low']:.3g} to {delay['high']:.3g})", str(BENCH),
            )  # fmt: skip
    if ratio := _criterion(BENCH, "producing", "rate, loadkit / kafka-producer-perf-test"):
        yield Spot("The client is librdkafka, whatever your application uses", "client limits and CPU are not Java's",
                   f"{ratio['median']:.2f} of the Java client's rate flat out ({ratio['low']:.2f} to "
                   f"{ratio['high']:.2f})", str(BENCH))  # fmt: skip


def _of_the_client() -> Iterator[Spot]:
    cells = _read(PEERS)["cells"] if PEERS.exists() else []
    flat, paced = ([one for one in cells if one["mode"] == mode] for mode in ("flat", "rate"))
    if known := [one for one in flat if one["ratios"]["rate"] and one["ratios"]["cpu"]]:
        slowest = min(known, key=lambda one: float(one["ratios"]["rate"]["ratio"]))
        yield Spot(
            "librdkafka has one batch of a partition under way where a Java client has five (idempotent), and its "
            "threads spin until the response comes", "a producer's highest rate reads low and its CPU high, most where "
            "responses take long", f"{_ratio(slowest, 'rate')} of the Java client's rate at "
            f"{_ratio(slowest, 'cpu')} of its CPU a message, {_cell(slowest)}", str(PEERS),
        )  # fmt: skip
    if known := [one for one in paced if one["ratios"]["p99"]]:
        widest = max(known, key=lambda one: float(one["ratios"]["p99"]["ratio"]))
        yield Spot(
            "The same at a rate that both carry", "high percentiles are of librdkafka's batches, not of Java's",
            f"p99 {_ratio(widest, 'p99')} of the Java client's at {widest['asked']:,} msg/s, {_cell(widest)}",
            str(PEERS),
        )  # fmt: skip
    if known := [one for one in paced if one["ratios"]["cpu"]]:
        dearest = max(known, key=lambda one: float(one["ratios"]["cpu"]["ratio"]))
        yield Spot(
            "Clients are polled many times a millisecond, so that confirmations are read on time", "CPU a message "
            "reads high at low rates", f"{_ratio(dearest, 'cpu')} of the Java client's at {dearest['asked']:,} msg/s, "
            f"{_cell(dearest)}", str(PEERS),
        )  # fmt: skip


def _ratio(cell: Figures, name: str) -> str:
    found = cell["ratios"][name]
    return f"{found['ratio']:.2f} ({found['interval'][0]:.2f} to {found['interval'][1]:.2f})"


def _cell(cell: Figures) -> str:
    return f"{cell['size']:,} B, {cell['nodes']} node{'s' * (cell['nodes'] > 1)}"


def _of_noise() -> Iterator[Spot]:
    if GATES.exists():
        effects = [abs(gate["effect"]) for gate in _read(GATES)["gates"] if gate.get("effect") is not None]
        yield Spot(
            "An interval of one run knows nothing of the next run", "too narrow for comparing runs; a gate's pairs "
            "hold it", f"p99 of {len(effects)} gates of one build against itself differed by up to "
            f"{max(effects):.0%} on a shared machine", str(GATES),
        )  # fmt: skip
    if INTERVALS.exists():
        rows = [row for row in _read(INTERVALS)["rows"] if row["coverage"] and row["seconds"] <= 60]
        worst = min((row for row in rows if row["given"] >= row["runs"] / 2), key=lambda row: row["coverage"][0])
        yield Spot(
            "A run that saw no stall cannot know that there are some", "intervals of short runs miss",
            f"of {worst['process']}, {worst['coverage'][0]:.0%} of the 95 % intervals of {worst['quantile']} after "
            f"{worst['seconds']} s hold the truth ({worst['blocks']:g} effective blocks)", str(INTERVALS),
        )  # fmt: skip


def section(found: Mapping[str, Any]) -> Block | None:
    """Return the blind spots as a section of the page."""
    lead = (
        "What loadkit cannot measure, or measures with a known bias, each with its size and where the size is from: "
        "worked out (exact), a short run on an embedded Kafka (live), or a file of figures."
    )
    rows = [[one["what"], one["effect"], one["size"], one["source"]] for one in found["spots"]]
    return block("Blind spots", [Prose(lead), table("Blind spots", ("what", "effect", "size", "from"), rows,
                                                    texts=(0, 1, 2, 3))])  # fmt: skip


def _criterion(path: Path, case: str, name: str) -> Figures | None:
    """Return a figure of the bench by its name; None where it is not there."""
    cases = _read(path)["cases"] if path.exists() else {}
    criteria: list[Figures] = cases.get(case, {}).get("criteria", ())
    return next((one for one in criteria if str(one["name"]).startswith(name)), None)


def _median(path: Path, case: str, name: str) -> str:
    found = _criterion(path, case, name)
    return f"{found['median']:.3g} {found['unit']}" if found else ""


def _read(path: Path) -> Figures:
    found: Figures = json.loads(path.read_text("utf-8"))
    return found


def _time(seconds: float) -> str:
    return format_duration(float(seconds))
