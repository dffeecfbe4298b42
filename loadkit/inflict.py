"""Faults carried out beside a trial: each at its instant of the measured phase, and mended whatever ends the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from loadkit.boundaries import Site
from loadkit.errors import LoadkitError, UsageError
from loadkit.faults import VERBS, Fault, check
from loadkit.limit import Warn
from loadkit.target import load_target
from loadkit.targets.embedded_spec import EmbeddedSpec
from loadkit.units import format_duration

_STEP = 0.1
"""Seconds after which a fault under way looks whether the run has ended; its instants are kept exactly."""


def permit(faults: Sequence[Fault], target: str, duration: float, messages: int | None) -> str:
    """Return the target as a run with these faults needs it: brokers that will be cut off are forwarded.

    `duration` is that of the measured phase in seconds. Raises UsageError where the faults cannot be carried out.
    """
    if not faults:
        return target
    found = load_target(target)
    if found.kind != "embedded":
        raise UsageError(
            f"--fault works on brokers that loadkit itself starts, and {target!r} is not such a target: "
            "use --target embedded or embedded:3"
        )
    if messages is not None:
        raise UsageError("--fault needs to know how long the run measures: use --duration instead of --messages")
    spec = EmbeddedSpec.parse(found.text)
    check(faults, spec.nodes, duration)
    cut = {fault.broker for fault in faults if fault.verb == "partition"} - spec.forwarded
    if not cut:
        return target
    params = {**spec.params, "forwarded": ",".join(map(str, sorted(spec.forwarded | cut)))}
    return str(EmbeddedSpec(spec.nodes, spec.version, params))


@dataclass(slots=True)
class _Event:
    """What became of one fault; monotonic nanoseconds, None where it has not come to that."""

    fault: Fault
    begin: int | None = None
    """When the broker was dead, still or cut off."""
    end: int | None = None
    """When mending it began."""
    back: int | None = None
    """When that was done; a broker that was killed then answers and knows the others."""
    error: str | None = None


class Faults:
    """The faults of one trial."""

    def __init__(
        self, site: Site, faults: Sequence[Fault], spawn: Callable[..., Any],
        call: Callable[[Callable[[], Any]], Any], sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._site, self._spawn, self._call, self._sleep = site, spawn, call, sleep
        self._events = [_Event(fault) for fault in faults]
        self._under_way: list[Any] = []
        self._origin_ns = 0
        self._over = False

    def begin(self, origin_ns: int) -> None:
        """Begin to carry them out, in a measured phase that begins at a monotonic instant."""
        self._origin_ns = origin_ns
        self._under_way = [self._spawn(self._carry_out, event) for event in self._events]

    def mend(self) -> None:
        """Have what is under way mended now, and let nothing more begin; to be called when the measured phase ends."""
        self._over = True

    def end(self, wait: bool) -> None:
        """Have what is under way mended, and `wait` until it is; what is not then ends with the cluster."""
        self._over = True
        for one in self._under_way if wait else ():
            one.join()

    def facts(self, zero_ns: int) -> dict[str, list[dict[str, Any]]]:
        """Return the faults as they stand in a result, nothing where none was planned.

        Times are seconds since the schedule began at `zero_ns`, None for what did not come to be.
        """

        def seconds(clock_ns: int | None) -> float | None:
            return None if clock_ns is None else round((clock_ns - zero_ns) / 1e9, 3)

        rows = []
        for event in self._events:
            instants = [self._origin_ns + round(1e9 * at) for at in (event.fault.at, event.fault.end)]
            rows.append({
                "fault": str(event.fault), "verb": event.fault.verb, "broker": event.fault.broker,
                "planned": [seconds(instant) for instant in instants] if self._origin_ns else None,
                "begin": seconds(event.begin), "end": seconds(event.end), "back": seconds(event.back),
                "error": event.error,
            })  # fmt: skip
        return {"faults": rows} if rows else {}

    def notes(self) -> list[dict[str, str]]:
        """Return a note for each fault: when the broker was away, or why not."""
        return [Warn.FAULT.say(self._said(event)) for event in self._events]

    def _said(self, event: _Event) -> str:
        fault = event.fault
        if event.error:
            return f"--fault {fault}: {event.error}"
        if event.begin is None or event.end is None:
            return f"--fault {fault}: the run ended before it began"
        begin, end = (format_duration(max(instant - self._origin_ns, 0) / 1e9) for instant in (event.begin, event.end))
        back = ""
        if fault.verb == "kill" and event.back is not None:
            back = f", and back {format_duration((event.back - event.end) / 1e9)} later"
        if fault.verb == "partition":
            back = "; all its traffic passed a forwarder throughout"
        return f"broker {fault.broker} was {VERBS[fault.verb]} from {begin} to {end} of the measured phase{back}"

    def _carry_out(self, event: _Event) -> None:
        fault = event.fault
        self._until(fault.at)
        if self._over:
            return
        try:
            self._call(lambda: self._site.inflict(fault))
            event.begin = monotonic_ns()
            self._until(fault.end)
        except (LoadkitError, OSError) as error:
            event.error = str(error)
        event.end = monotonic_ns()
        try:
            self._call(lambda: self._site.mend(fault))
            event.back = monotonic_ns()
        except (LoadkitError, OSError) as error:
            event.error = str(error)

    def _until(self, at: float) -> None:
        """Return at an instant of the measured phase (s), or when the run ends before."""
        while not self._over and (left := at - (monotonic_ns() - self._origin_ns) / 1e9) > 0:
            self._sleep(min(left, _STEP))
