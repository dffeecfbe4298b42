"""`python -m trust.proxy LOG BEHAVIOUR PORT...`: a proxy before the brokers at some ports of this machine.

Prints a line with its ports in their order, and the line `begun` when the clock of stalls and resets begins; serves
until stdin closes, then writes LOG. BEHAVIOUR is JSON: `{"delay": 0.02}`. Exit code 1 when it met a protocol that it
cannot read.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from trust.proxy import record
from trust.proxy.behaviour import Behaviour
from trust.proxy.server import Proxy
from trust.proxy.wire import WireError


async def _serve(log: Path, behaviour: Behaviour, brokers: Sequence[int]) -> None:
    proxy = Proxy(behaviour, begun=lambda: print("begun", flush=True))
    print(*await proxy.listen(brokers), flush=True)
    gc.freeze()
    gc.disable()  # a minute's log is small, a collection is a delay that nobody asked for
    end = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    assert proxy.failed
    await asyncio.wait([end, proxy.failed], return_when=asyncio.FIRST_COMPLETED)
    proxy.close()
    record.write(log, proxy.record())
    if proxy.failed.done():
        await proxy.failed


def main(words: Sequence[str]) -> int:
    """Serve; return 1 where the log cannot be trusted."""
    log, behaviour, *brokers = words
    try:
        asyncio.run(_serve(Path(log), Behaviour.parse(behaviour), [int(port) for port in brokers]))
    except WireError as error:
        print(f"trust.proxy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
