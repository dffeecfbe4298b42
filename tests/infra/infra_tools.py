"""Where the tools of `make test-infra` are."""

from __future__ import annotations

import sys
from pathlib import Path

TOOLS = Path(sys.prefix) / "infra"
"""What it installed: programs in `bin`, checkov in an environment of its own."""
