"""What a cluster costs a month, from the planner's own prices; a price that is missing makes its line unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadkit.sizing.limits import plain_name
from loadkit.sizing.loads import stored
from loadkit.sizing.model import zones
from loadkit.sizing.requirements import FOREVER_SECONDS, Prices
from loadkit.sizing.search import Fit
from loadkit.sizing.shapes import ELASTIC
from loadkit.sizing.workload import total

HOURS = 730.0
"""In a month: 8760 / 12."""
SECONDS = HOURS * 3600
GB = 1e9


@dataclass(frozen=True, slots=True)
class Item:
    """One line; `price` and `month` are None where the price is not known."""

    name: str
    quantity: float
    unit: str
    price: float | None
    path: str
    """Of the price, in the requirements."""

    @property
    def month(self) -> float | None:
        """What it costs a month."""
        return 0.0 if not self.quantity else None if self.price is None else self.quantity * self.price


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of all copies; `total` is None while a line is not known."""

    currency: str
    date: str
    items: tuple[Item, ...]
    factor: float
    """Copies of the cluster, support and discount."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Prices that are not known, by their path."""
        return tuple(item.path for item in self.items if item.month is None)

    @property
    def known(self) -> float:
        """The sum of the lines that are known."""
        return self.factor * sum(item.month or 0.0 for item in self.items)

    @property
    def total(self) -> float | None:
        """What all costs a month."""
        return None if self.missing else self.known


def bill(fit: Fit) -> Bill | None:
    """Return what a cluster costs a month with today's average traffic; None without prices."""
    prices = fit.setup.needs.prices
    if prices is None:
        return None
    copies = 1 + fit.setup.needs.copies
    factor = copies * (1 + prices.support) * (1 - prices.discount)
    return Bill(prices.currency, prices.date.isoformat(), tuple(_items(fit, prices)), factor)


def _items(fit: Fit, prices: Prices) -> Iterator[Item]:
    needs, candidate = fit.setup.needs, fit.setup.candidate
    platform, flows = needs.platform, fit.setup.flows
    sums = total(flows, 0)
    read = sum(f.count * f.average * f.record * f.tails for f in flows) + sums.replay
    hour = {plain_name(name): price for name, price in prices.hour.items()} | dict(prices.hour)
    yield Item(
        f"{candidate.name} x {fit.n}", fit.n * HOURS, "hours", hour.get(candidate.name), f"prices.hour.{candidate.name}"
    )
    held = stored(flows, fit.splits, platform.replication_factor)
    if platform.kind in ELASTIC:
        yield Item(
            "storage", held / platform.replication_factor / GB, "GB", prices.storage_gb_month, "prices.storage_gb_month"
        )
    else:
        bought = fit.n * candidate.disk if candidate.disk else provisioned(fit) * fit.n
        yield Item("storage", bought / GB, "GB", prices.storage_gb_month, "prices.storage_gb_month")
    if tiered := _tiered(fit):
        yield Item("tiered storage", tiered / GB, "GB", prices.tiered_gb_month, "prices.tiered_gb_month")
    if platform.kind in ELASTIC:
        yield Item("written", sums.average * SECONDS / GB, "GB", prices.in_gb, "prices.in_gb")
        yield Item("read", read * SECONDS / GB, "GB", prices.out_gb, "prices.out_gb")
    if platform.kind == "msk-serverless":
        count = sum(one.flow.count * one.partitions for one in fit.splits)
        yield Item("partitions", count * HOURS, "partition hours", prices.partition_hour, "prices.partition_hour")
    crossing = between_zones(fit, average=True)
    if platform.zones > 1 and platform.kind not in ELASTIC:
        yield Item(
            "between zones", sum(crossing.values()) * SECONDS / GB, "GB", prices.cross_zone_gb, "prices.cross_zone_gb"
        )
    if needs.copies:
        yield Item(
            "to other regions", sums.average * SECONDS / GB, "GB", prices.cross_region_gb, "prices.cross_region_gb"
        )


def provisioned(fit: Fit) -> float:
    """Return the bytes of disk to order for each broker: what is held at the horizon over the planned use."""
    uses = [use for use in fit.uses if use.resource == "storage"]
    if not uses:  # storage that grows by itself
        return 0.0
    return max(use.demand.mid / use.most for use in uses if use.state.binds)


def _tiered(fit: Fit) -> float:
    return sum(
        flow.count * flow.average * flow.record * max(0.0, min(flow.topic.retention, FOREVER_SECONDS) - flow.kept)
        for flow in fit.setup.flows if flow.topic.local_retention and flow.topic.cleanup == "delete"
    )  # fmt: skip


def between_zones(fit: Fit, average: bool) -> dict[str, float]:
    """Return bytes/s between zones by cause, at today's average or peak."""
    platform, flows = fit.setup.needs.platform, fit.setup.flows
    write = sum(f.count * (f.average if average else f.peak) * f.record for f in flows)
    read = sum(f.count * (f.average if average else f.peak) * f.record * f.tails + f.count * f.replay for f in flows)
    return {
        "replication": zones.replication(write, platform.replication_factor, platform.zones),
        "producers": zones.producers(write, platform.zones),
        "consumers": zones.consumers(read, platform.zones, platform.client_rack),
    }  # fmt: skip
