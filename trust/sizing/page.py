"""What was found out about plans as a page, from the files beside it: `python -m trust.sizing --page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from loadkit.report.block import Block, Cell, Prose, block, table
from trust import page
from trust.claim import SHARE, Claim, counted
from trust.sizing import plans, prediction

TITLE = "Sizing"
METHOD = (
    "Plans for random requirements, made from ceilings that were measured with noise, against a placement of every "
    "partition on brokers whose true ceilings are known and which does not use the planner's formulas; and the CPU of "
    "brokers predicted from fitted trials against trials of a real Kafka with settings that the fit has not seen."
)


def coverage(found: page.Found) -> Block | None:
    """Return how many plans carried their peak, and how many were not oversized."""
    rows = [
        [f"{one['noise']:.0%}", f"{one['plans']:,}", *(f"{one[name]:.1%}" for name in ("carries", "within", "sized")),
         f"{one['median_smallest']:g}", f"{one['largest_smallest']}"]
        for one in found["figures"]
    ]  # fmt: skip
    head = ("noise of the ceilings", "plans", "carry their peak as placed", "by the planner's own rules",
            "not oversized", "smallest cluster, median", "largest")  # fmt: skip
    lead = (
        f"{found['requirements']:,} random requirements, each planned from ceilings with noise (standard deviation). A "
        "plan carries its peak where the fullest broker stays within the true ceilings with the stated loss; it is not "
        f"oversized where it has at most one step or {plans.MORE:.0%} more brokers than the true ceilings would take."
    )
    return block("1,000 plans against true ceilings", [Prose(lead), table("Plans", head, rows)])


def predicted(found: page.Found) -> Block | None:
    """Return how well broker CPU was predicted, and each held-out trial."""
    rows = [
        [name, f"{one['settings']}", f"{one['median_error']:.1%}", f"{one['repeat_noise']:.1%}", f"{one['inside']:.0%}",
         f"{one['width']:.0%}", f"{one['requests_error']:.1%}"]
        for name, one in found["figures"].items()
    ]  # fmt: skip
    head = ("cluster", "settings", "median error", "difference of two repeats", "90 % intervals that held",
            "their width", "median error of requests")  # fmt: skip
    each = [
        [f"{one['nodes']}", f"{one['batch']:,}", f"{one['linger']}", f"{one['partitions']}", f"{one['size']:,}",
         f"{one['rate']:,}", f"{one['predicted'][1]:.2f} ({one['predicted'][0]:.2f} to {one['predicted'][2]:.2f})",
         Cell(f"{one['measured']:.2f}", tone="" if one["inside"] else "bad"), f"{one['error']:+.1%}"]
        for one in found["trials"]
    ]  # fmt: skip
    columns = ("nodes", "batch", "linger (ms)", "partitions", "size (B)", "msg/s", "cores predicted", "measured",
               "error")  # fmt: skip
    lead = (
        "Busy cores of a broker on the embedded cluster, predicted by what a fit of other trials says that load costs. "
        "Held-out settings share no batch, linger, partitions or size with the fitted ones."
    )
    return block("CPU of brokers predicted on a real Kafka", [
        Prose(lead), table("Figures", head, rows), table("Held-out trials", columns, each, folded=True),
    ])  # fmt: skip


def _plans(found: page.Found) -> Sequence[Claim]:
    carried, made = min((min(one["carries"], one["within"]), one["plans"]) for one in found["figures"])
    sized, planned = min((one["sized"], one["plans"]) for one in found["figures"])
    return [
        counted("plans that carry their peak, worse noise", carried * made, made, ">=", plans.CARRIES),
        counted("plans that are not oversized, worse noise", sized * planned, planned, ">=", plans.SIZED),
    ]


def _predicted(found: page.Found) -> Sequence[Claim]:
    one = found["figures"]["all"]
    return [
        Claim("median error of predicted broker CPU", one["median_error"], "<=", prediction.MEDIAN, SHARE),
        counted(
            "90 % intervals of broker CPU that held",
            one["inside"] * one["settings"],
            one["settings"],
            ">=",
            prediction.INSIDE,
        ),
    ]


PARTS: tuple[page.Part, ...] = ((plans.FIGURES, coverage), (prediction.FIGURES, predicted))
CLAIMS: Mapping[str, page.Claims] = {plans.FIGURES: _plans, prediction.FIGURES: _predicted}


def write(out: Path) -> Path:
    """Write the page of the figures in a folder and return its path."""
    return page.write(out, f"{TITLE} against known truth", PARTS)
