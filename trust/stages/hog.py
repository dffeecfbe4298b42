"""Another client that keeps a broker's request thread busy: `python -m trust.stages.hog BOOTSTRAP TOPIC`.

It sends four large batches at a time to a topic that the broker recompresses. Serves until stdin closes.
"""

from __future__ import annotations

import base64
import os
import sys
from threading import Event, Thread

import confluent_kafka as ck

SIZE, AT_ONCE = 900_000, 4


def main(bootstrap: str, topic: str) -> None:
    """Send until told to stop."""
    stop = Event()
    Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    value = base64.b64encode(os.urandom(SIZE))[:SIZE]  # takes a compressor long and gets a quarter smaller
    config = {"bootstrap.servers": bootstrap, "acks": "1", "linger.ms": "0"}
    producers = [ck.Producer(config) for _ in range(AT_ONCE)]
    print("ready", flush=True)
    while not stop.is_set():
        for producer in producers:
            producer.produce(topic, value)
        for producer in producers:
            producer.flush(10)


if __name__ == "__main__":
    main(*sys.argv[1:3])
