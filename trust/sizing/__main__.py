"""All that is known of plans, and the page of it: `python -m trust.sizing`, or `make trust-sizing`.

A minute for the plans, 25 for the predictions on a real Kafka, whose trials are not run twice. Exit code 1 if a figure
misses its bound.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from trust import parts
from trust.parts import Step
from trust.sizing import page, plans, prediction

STEPS = {"plans": Step(plans.main, ("--requirements", "150")), "prediction": Step(prediction.main)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the page, and return 1 if one of them misses a bound."""
    return parts.main("sizing", __doc__, STEPS, page.write, arguments)


if __name__ == "__main__":
    sys.exit(main())
