"""All that is known of gates, and the page of it: `python -m trust.gate`, or `make trust-gate`.

Trials and figures that are there already, made by the same code, are not made again. Exit code 1 if a promise was not
kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trust import parts
from trust.gate import live, made_up, page, planted, recorded
from trust.parts import Step

STEPS = {
    "made_up": Step(made_up.main, ("--gates", "200")), "planted": Step(planted.main), "recorded": Step(recorded.main),
    "live": Step(live.main),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the page, and return 1 if one of them did not keep what is promised."""
    return parts.main("gate", __doc__, STEPS, page.write, arguments)


if __name__ == "__main__":
    sys.exit(main())
