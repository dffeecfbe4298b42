"""Several trials of one session in a process of its own; prints as JSON what each left and what stayed of it."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from loadkit import session  # first: it brings Locust, which patches sockets
from loadkit.boundaries import Options
from loadkit.changes import changed
from loadkit.errors import LoadkitError
from loadkit.scenario_file import load_scenario


def main(scenario: str, target: str, out: str, sets: str, duration: str) -> None:
    """Run one trial for each list of PATH=VALUE in the JSON `sets`."""
    import gc

    from gevent import Greenlet
    from locust import events

    file = load_scenario(Path(scenario))
    found = []
    with session.session(file, target, lambda *_: None, lambda text: print(text, file=sys.stderr)) as trials:
        for number, settings in enumerate(json.loads(sets)):
            options = Options(out=Path(out) / str(number), duration=float(duration), warmup=0.0)
            error = None
            try:
                trials.trial(changed(file.scenario, settings), options)
            except LoadkitError as caught:
                error = str(caught)
            gc.collect()
            found.append({
                "error": error,
                "listeners": sum(len(hook._handlers) for hook in vars(events).values()),
                "greenlets": sum(isinstance(one, Greenlet) and not one.dead for one in gc.get_objects()),
                "threads": len(os.listdir("/proc/self/task")),
                "python_threads": threading.active_count(),
                "files": len(os.listdir("/proc/self/fd")),
                "resident": int(Path("/proc/self/statm").read_text().split()[1]) * 4096,
                "counts": {one.__name__: one.fixed_count for one in file.classes},
            })  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
