"""Open-loop load testing and capacity planning for clusters that speak the Kafka protocol."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# A generator's cores are for load: spinning BLAS threads would make messages late. Before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from loadkit import keys as keys
    from loadkit import payloads as payloads
    from loadkit import shapes as shapes
    from loadkit.payloads import sizes as sizes
    from loadkit.scenario import Pause as Pause
    from loadkit.scenario import Topic as Topic
    from loadkit.scenario import Transactions as Transactions
    from loadkit.users import ConsumerUser as ConsumerUser
    from loadkit.users import ProducerUser as ProducerUser

_HOMES = {
    "ProducerUser": "users", "ConsumerUser": "users", "Topic": "scenario", "Transactions": "scenario",
    "Pause": "scenario", "keys": "", "payloads": "", "shapes": "", "sizes": "payloads",
}  # fmt: skip
__all__ = ["ConsumerUser", "Pause", "ProducerUser", "Topic", "Transactions", "keys", "payloads", "shapes", "sizes"]


def __getattr__(name: str) -> Any:
    """Return a public name; imported when first used, so that reports need neither Locust nor a Kafka client."""
    if name not in _HOMES:
        raise AttributeError(f"module 'loadkit' has no attribute {name!r}")
    if name in ("ProducerUser", "ConsumerUser"):
        importlib.import_module("loadkit.plain_locust")  # makes plain `locust -f` find its listeners
    home = _HOMES[name]
    if not home:
        return importlib.import_module(f"loadkit.{name}")
    module = importlib.import_module(f"loadkit.{home}")
    return module if name == home else getattr(module, name)
