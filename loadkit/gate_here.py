"""Both sides of a gate in this process: one scenario file, its two variants taking turns on targets that stay open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from loadkit.session import Sessions  # isort: skip  # first: it brings Locust, which patches sockets
from loadkit.boundaries import Options, Progress
from loadkit.changes import changed, options_facts
from loadkit.gate_sides import Length, Side
from loadkit.hands import ALONE, Hands
from loadkit.scenario import Scenario
from loadkit.scenario_file import load_scenario
from loadkit.site import Say


@contextmanager
def here(sides: tuple[Side, Side], length: Length, progress: Progress, say: Say, who: Hands = ALONE) -> Iterator[Here]:
    """Make both sides ready; ScenarioError where one cannot be. The same target of both is opened once."""
    file = load_scenario(sides[0].scenario)
    scenarios = {side.name: changed(file.scenario, side.sets) for side in sides}
    with closing(Sessions(file, progress, say, who, together=True)) as opened:
        yield Here({side.name: side for side in sides}, scenarios, length, opened)


class Here:
    """Trials of either side."""

    def __init__(
        self, sides: Mapping[str, Side], scenarios: Mapping[str, Scenario], length: Length, opened: Sessions
    ) -> None:
        self._sides, self._scenarios, self._length, self._opened = sides, scenarios, length, opened

    def trial(self, side: str, seed: int, out: Path, place: Mapping[str, Any], sets: Sequence[str] = ()) -> None:
        """Run one trial of a side and leave its result in `out`."""
        mine = self._sides[side]
        scenario = changed(self._scenarios[side], sets).model_copy(update={"seed": seed})
        facts = {**options_facts("gate", scenario, mine.scenario, (*mine.sets, *sets)), "gate": dict(place)}
        options = Options(out=out, duration=self._length.duration, warmup=self._length.warmup, facts=facts)
        self._opened.at(mine.target, scenario).trial(scenario, options)
