"""How many users of each class there are to be, and on which process each runs."""

from __future__ import annotations

from collections.abc import Iterator

import locust
from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

from loadkit.scenario import Scenario
from loadkit.users import _KafkaUser

Classes = list[type[locust.User]]


class ByClass(UsersDispatcher):  # type: ignore[misc]
    """Locust's dispatcher, but the users of each class are spread evenly over the processes.

    Locust alternates between classes and processes in step, so that with two of each one process gets every
    producer and the other every consumer. Here classes take turns of as many users as there are processes.
    """

    _try_dispatch_fixed: bool

    def _user_gen(self) -> Iterator[str | None]:
        weighted = super()._user_gen()  # asked only while no fixed user is missing: then it yields by weight
        while True:
            if self._try_dispatch_fixed:
                self._try_dispatch_fixed = False
                yield from turns(self._missing(), max(1, len(self._worker_nodes)))
            else:
                yield next(weighted)

    def _dispatcher(self) -> Iterator[dict[str, dict[str, int]]]:
        """Dispatch as Locust does, and be done afterwards.

        Locust's own stays under way for ever once users were only shared anew, and no later change is dispatched.
        """
        try:
            yield from super()._dispatcher()
        finally:
            self._dispatch_in_progress = False

    def _missing(self) -> dict[str, int]:
        present = self._get_user_current_count
        return {c.__name__: max(0, c.fixed_count - present(c.__name__)) for c in self._user_classes if c.fixed_count}


def turns(missing: dict[str, int], most: int) -> Iterator[str]:
    """Yield each name as often as it says, in turns of at most `most`."""
    left = dict(missing)
    while any(left.values()):
        for name, count in left.items():
            taken = min(most, count)
            left[name] -= taken
            yield from [name] * taken


def count_users(classes: Classes, scenario: Scenario) -> None:
    """Have Locust start as many users of each class as the scenario, --set applied, says; those by weight stay so."""
    for user in classes:
        if issubclass(user, _KafkaUser):
            count = scenario.workload(user.__name__).fixed_count
            user.fixed_count = count if user.fixed_count or count > 1 else 0


def users_needed(classes: Classes) -> int:
    """Return the sum of the classes' `fixed_count`, one for a class without."""
    return sum(c.fixed_count or 1 for c in classes)


def missing_classes(classes: Classes, users: int) -> dict[str, tuple[int, int]]:
    """Return the classes of which too few would be started: name to (started, asked)."""
    dispatcher = ByClass([WorkerNode("one")], list(classes))
    dispatcher.new_dispatch(users, max(users, 1))
    started: dict[str, int] = {}
    for step in dispatcher:
        started = step["one"]
    short = {c.__name__: (started.get(c.__name__, 0), c.fixed_count or 1) for c in classes}
    return {name: counts for name, counts in short.items() if counts[0] < counts[1]}
