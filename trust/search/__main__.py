"""All that is known of sweeps and searches, and the page of it: `python -m trust.search`, or `make trust-search`.

Searches that are there already, made by the same code, are not made again. Exit code 1 if a figure misses its bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from trust import parts
from trust.parts import Step
from trust.search import agreement, effects, guided, maximum, page

STEPS = {
    "max": Step(maximum.main, ("--clusters", "12")), "guided": Step(guided.main),
    "effects": Step(effects.main, ("--sweeps", "200")), "embedded": Step(agreement.main),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the page, and return 1 if one of them misses a bound."""
    return parts.main("search", __doc__, STEPS, page.write, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
