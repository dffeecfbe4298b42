"""A foreign member of a group: `python -m trust.integrity.member BOOTSTRAP GROUP TOPIC STRATEGY`.

It takes partitions away from the others, receives, commits nothing, says GOT once it has received something, and leaves
in good order when its standard input ends.
"""

from __future__ import annotations

import select
import sys

import confluent_kafka as ck


def main(bootstrap: str, group: str, topic: str, strategy: str) -> None:
    """Be a member until standard input ends."""
    member = ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "session.timeout.ms": 10_000,
        "auto.offset.reset": "earliest", "partition.assignment.strategy": strategy,
    })  # fmt: skip
    member.subscribe([topic])
    said = False
    while not select.select([sys.stdin], [], [], 0)[0]:
        if member.consume(100, 0.2) and not said:
            print("GOT", flush=True)
            said = True
    member.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
