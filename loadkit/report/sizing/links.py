"""Files to take away that the page itself holds."""

from __future__ import annotations

import base64

from loadkit.report.block import Link


def data_link(text: str, name: str, content: str, kind: str = "text/plain") -> Link:
    """Return a link that saves a text under a name."""
    encoded = base64.b64encode(content.encode()).decode()
    return Link(text, f"data:{kind};charset=utf-8;base64,{encoded}", name)
