"""A key that goes to and fro between two processes, as between two hosts: from its release to the grant.

Run: python -m benchmarks.handing_over store-url rounds  (the other process; `hand_over` starts it)
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from krakenonce.clock import SystemClock
from krakenonce.stores import Store, open_store
from krakenonce.testing.waiting import Waiting, take

KEY = "hand"
HOLD_S = 0.005


def hand_over(url: str, rounds: int = 150) -> str:
    """Return how long the holder's release took to become the other process's grant, in both directions."""
    store = open_store(url, SystemClock())
    first = take(store, KEY)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.handing_over", url, str(rounds)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        released = time.monotonic_ns()
        store.release(first, first.low)
        mine = [released, *_take_turns(store, rounds)]
        theirs = list(map(int, other.communicate()[0].split()))
    store.close()
    # This one's releases and grants alternate with the other's: released, granted there, released there, granted, ...
    moments = sorted(mine[: 2 * rounds] + theirs[: 2 * rounds])
    gaps = [(after - before) / 1e6 for before, after in zip(moments[::2], moments[1::2], strict=True)]
    return f"median {statistics.median(gaps):.2f} ms, p99 {statistics.quantiles(gaps, n=100)[98]:.2f} ms"


def _take_turns(store: Store, rounds: int) -> list[int]:
    """Wait for the key, keep it for a moment, and release it, again and again; return when it was had and released."""
    moments = []
    for _ in range(rounds):
        grant = Waiting(store, KEY).grant()
        moments.append(time.monotonic_ns())
        time.sleep(HOLD_S)  # the other one queues meanwhile
        moments.append(time.monotonic_ns())
        store.release(grant, grant.low)
    return moments


def main(url: str, rounds: int) -> None:
    """Be the other process."""
    store = open_store(url, SystemClock())
    waiting = Waiting(store, KEY)
    time.sleep(0.2)
    print("waiting", flush=True)
    grant = waiting.grant()
    moments = [time.monotonic_ns()]
    time.sleep(HOLD_S)
    moments.append(time.monotonic_ns())
    store.release(grant, grant.low)
    moments += _take_turns(store, rounds - 1)
    print(*moments)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
