"""The smallest cluster of each shape that meets every rule, and what the one below it lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from loadkit.errors import UsageError
from loadkit.sizing.demand import Setup, State, Use, splits, states, uses
from loadkit.sizing.model import zones as zoning
from loadkit.sizing.model.scaling import Law
from loadkit.sizing.settings import platforms
from loadkit.sizing.shapes import TEXT
from loadkit.sizing.split import Split

LARGEST = 3000
"""Brokers beyond which no cluster is looked for."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A number of brokers of a shape, with the use of everything in every state."""

    setup: Setup
    n: int
    splits: tuple[Split, ...]
    uses: tuple[Use, ...]
    problems: tuple[str, ...] = ()
    """What makes it impossible whatever its uses are."""

    @property
    def binding(self) -> Use:
        """The use that is fullest, of the states that must be survived."""
        return max((use for use in self.uses if use.state.binds), key=lambda use: use.fullness)

    @property
    def runner_up(self) -> Use | None:
        """The fullest use of another resource."""
        first = self.binding.resource
        rest = [use for use in self.uses if use.state.binds and use.resource != first]
        return max(rest, key=lambda use: use.fullness, default=None)

    @property
    def fits(self) -> bool:
        """Whether every rule is met."""
        return not self.problems and self.binding.fullness <= 1 + 1e-9

    def worst(self, state: str) -> Use | None:
        """Return the fullest use in a state."""
        return max((use for use in self.uses if use.state.key == state), key=lambda use: use.fullness, default=None)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a shape: its smallest fit, or why there is none."""

    setup: Setup
    fit: Fit | None
    reason: str = ""
    path: str = ""
    """The requirement that makes it so."""
    binding: str = ""


def fit(setup: Setup, n: int, law: Law | None = None) -> Fit:
    """Return how n brokers do."""
    made = splits(setup, n)
    looked: tuple[State, ...] = states(setup.needs, setup.candidate.managed)
    found = [use for state in looked for use in uses(setup, n, made, state)]
    return Fit(setup, n, made, tuple(found), tuple(_problems(setup, n, made, law)))


def _problems(setup: Setup, n: int, made: tuple[Split, ...], law: Law | None) -> list[str]:
    said = list(dict.fromkeys(one.impossible for one in made if one.impossible))
    limits, platform = setup.candidate.limits, setup.needs.platform.kind
    for one in made:
        topic, at = one.flow.topic, one.flow.at
        most = limits.get("partitions_per_topic")
        if most and one.partitions > most.value:
            wanted = f"{topic.name} needs {one.partitions} partitions"
            said.append(f"topics[{at}].peak: {wanted} and {platform} allows {most.value:g}")
        if topic.retention_bytes and topic.cleanup != "compact" and one.flow.peak:
            kept = topic.retention_bytes * one.partitions / (one.flow.peak * one.flow.record)
            if why := too_short(topic.name, kept, setup):
                said.append(f"topics[{at}].retention_bytes: {why}")
        largest = limits.get("max_message")
        if largest and (topic.max_message or topic.size) > largest.value:
            said.append(f"topics[{at}].max_message: {platform} takes messages of {largest.value:,.0f} B at most")
        longest = limits.get("retention")
        if longest and topic.cleanup == "delete" and topic.retention > longest.value:
            said.append(f"topics[{at}].retention: {setup.candidate.name} keeps {longest.value / 86400:g} days at most")
    groups = limits.get("groups")
    if groups and sum(len(one.flow.topic.groups) * one.flow.count for one in made) > groups.value:
        said.append(f"topics: {platform} allows {groups.value:g} consumer groups")
    if law and setup.candidate.measured:
        try:
            law.at(n)
        except UsageError as error:
            said.append(f"platform: {error}")
    return said


def smallest(setup: Setup, law: Law | None = None, near: int | None = None) -> Found:
    """Return the smallest number of brokers that fits, sought by halves: more of them never make a broker fuller.

    `near` is a number that the answer is likely to be close to.
    """
    first, step, most, why = bounds(setup)
    if most < first:
        return Found(setup, None, f"{why}: {first} are the fewest", *_of_bound(why, "replication"))
    counts = range(first, most + 1, step)
    at = cache(lambda k: fit(setup, counts[k], law))
    top = _enough(at, len(counts) - 1, 0 if near is None else max(0, (near - first) // step))
    last = at(top)
    if not last.fits:
        if last.problems:
            path, _, text = last.problems[0].partition(": ")
            return Found(setup, None, text, path, "hot partition" if "hottest" in path else path.rpartition(".")[2])
        use = last.binding
        full = f"{TEXT[use.resource]} is at {use.share.mid:.0%} of the {use.most:.0%} planned"
        text = f"{last.n} are too few: {full} with {use.state.text}"
        return Found(setup, None, f"{why}; {text}", *_of_bound(why, TEXT[use.resource]))
    low, high = -1, top
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle).fits else (middle, high)
    return Found(setup, at(high))


def _enough(at: Callable[[int], Fit], most: int, start: int) -> int:
    """Return a place that fits, found in strides that double from a start; the last one where none before it does."""
    place, stride = min(start, most), 1
    while place < most and not at(place).fits:
        place, stride = min(place + stride, most), 2 * stride
    return place


def _of_bound(why: str, binding: str) -> tuple[str, str]:
    return ("platform.max_brokers" if why.startswith("platform.max_brokers") else "platform"), binding


def bounds(setup: Setup) -> tuple[int, int, int, str]:
    """Return the fewest brokers, the step, the most, and what says that it is the most.

    The fewest hold every copy on a broker of its own in every zone alike; steps keep zones even.
    """
    candidate, platform = setup.candidate, setup.needs.platform
    step = 1 if candidate.managed else platform.zones
    fewest = candidate.fewest if candidate.managed else max(platform.replication_factor, platform.zones)
    first = -(-fewest // step) * step
    allowed = [(LARGEST, f"no cluster of more than {LARGEST} is planned")]
    if candidate.most < LARGEST:
        allowed.append((candidate.most, f"{platform.kind} allows {candidate.most} of {candidate.name}"))
    if platform.max_brokers is not None:
        allowed.append((platform.max_brokers, f"platform.max_brokers = {platform.max_brokers}"))
    most, why = min(allowed, key=lambda pair: pair[0])
    return first, step, most, why


def impossible(setup: Setup) -> list[tuple[str, str]]:
    """Return what in the requirements no cluster can give, as (path, reason), before any is looked for."""
    needs, said = setup.needs, []
    zones, platform = needs.platform.zones, needs.platform
    left = zoning.copies_left(platform.replication_factor, zones)
    if needs.survive.zone and not setup.candidate.managed and left < platform.min_insync_replicas:
        said.append((
            "survive.zone",
            f"a zone of {zones} may hold {platform.replication_factor - left} of {platform.replication_factor} copies: "
            f"losing it leaves {left}, fewer than min_insync_replicas = {platform.min_insync_replicas}, so writes "
            "stop; it takes three zones",
        ))  # fmt: skip
    for flow in setup.flows:
        if flow.topic.cleanup != "compact" and (why := too_short(flow.topic.name, flow.topic.retention, setup)):
            said.append((f"topics[{flow.at}].retention", why))
        if "compact" in flow.topic.cleanup and (why := tombstones_gone(flow.topic.name, setup)):
            said.append((f"topics[{flow.at}].cleanup", why))
    if why := offsets_gone(setup):
        said.append(("survive.outage", why))
    return said


RETAINED = 1.25
"""Times the outage and the catching up that data must be kept: a group that comes back late must still find it."""


TOMBSTONES = 86_400.0
"""Seconds that a tombstone is kept at least where nobody says otherwise: delete.retention.ms of Kafka."""


OFFSETS = 604_800.0
"""Seconds that a group's offsets are kept where nobody says otherwise: offsets.retention.minutes of Kafka."""


def away(setup: Setup) -> float:
    """Return the longest time (s) that a message may wait to be read: consumers away, then catching up."""
    return max(flow.outage for flow in setup.flows) + max(flow.catch_up for flow in setup.flows)


def offsets_gone(setup: Setup) -> str:
    """Return why groups may come back to no offsets; an empty string where they do not."""
    kind, longest = setup.needs.platform.kind, away(setup)
    why = platforms.omitted(kind, "broker", "offsets.retention.minutes")
    if not why or longest <= OFFSETS:
        return ""
    return (
        f"a group's offsets are kept 7 days on {kind} (offsets.retention.minutes is {why}), but consumers may be away "
        f"and catching up for {longest / 3600:.4g} h: they would start where auto.offset.reset says"
    )


def tombstones_gone(name: str, setup: Setup) -> str:
    """Return why deletions in a compacted topic may go unread; an empty string where they do not."""
    kind, longest = setup.needs.platform.kind, away(setup)
    why = platforms.omitted(kind, "topic", "delete.retention.ms")
    if not why or longest <= TOMBSTONES:
        return ""
    return (
        f"{name} is compacted, and its tombstones are kept 24 h on {kind} (delete.retention.ms is {why}), but "
        f"consumers may be away and catching up for {longest / 3600:.3g} h: they would keep what was deleted"
    )


def too_short(name: str, kept: float, setup: Setup) -> str:
    """Return why messages kept so long (s) may be deleted unread; an empty string where they are not.

    The longest outage and catching up of all topics count: whoever reads one topic may read another.
    """
    gone, back = (max(getattr(flow, which) for flow in setup.flows) for which in ("outage", "catch_up"))
    needed = RETAINED * (gone + back)
    if kept >= needed:
        return ""
    return (
        f"{name} keeps {kept / 3600:.3g} h, and consumers may be away {gone / 3600:.3g} h and take {back / 3600:.3g} h "
        f"to catch up: it takes {needed / 3600:.3g} h, or data is deleted unread"
    )


def by_state(found: Fit) -> Mapping[str, Use]:
    """Return the fullest use of each state."""
    keys = dict.fromkeys(use.state.key for use in found.uses)
    return {key: use for key in keys if (use := found.worst(key)) is not None}
