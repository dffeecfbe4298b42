"""The rights that the user of a secured embedded cluster gets: all on what carries the usual prefix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import confluent_kafka as ck
import confluent_kafka.admin

from loadkit.errors import TargetError
from loadkit.targets.connection import LOG

_ADMIN: Any = confluent_kafka.admin
KINDS = ("TOPIC", "GROUP", "TRANSACTIONAL_ID")
"""What a prefix ACL has to be on for a whole run."""
_PATIENCE = 30.0


def grant(bootstrap: str, user: str, prefix: str, kinds: Iterable[str] = KINDS, operation: str = "ALL") -> None:
    """Let a user do an operation on all things of some kinds whose names begin with a prefix.

    `bootstrap` is a listener whose user may do all. Raises TargetError where it does not come about.
    """
    client = _ADMIN.AdminClient({"bootstrap.servers": bootstrap}, logger=LOG)
    rights = [
        _ADMIN.AclBinding(
            getattr(_ADMIN.ResourceType, kind), prefix, _ADMIN.ResourcePatternType.PREFIXED, f"User:{user}", "*",
            getattr(_ADMIN.AclOperation, operation), _ADMIN.AclPermissionType.ALLOW,
        )
        for kind in kinds
    ]  # fmt: skip
    try:
        for future in client.create_acls(rights, request_timeout=_PATIENCE).values():
            future.result(_PATIENCE)
    except (ck.KafkaException, TimeoutError) as refused:
        raise TargetError(f"granting {user} its rights on {prefix!r}: {refused}") from None
