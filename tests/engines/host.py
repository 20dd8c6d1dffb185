"""One process on one host: makes calls on its keys until it is told to stop, then says what came of them.

Its wall clock is its own, and wrong; the engine it reaches through a proxy of its own.
"""

import asyncio
import json
import sys
import threading

from krakenonce.client import KrakenClient
from krakenonce.clock import SystemClock
from krakenonce.errors import KrakenonceError, StoreUnavailable
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted, Refused
from krakenonce.lanes import LaneRegistry
from tests.engines.shifted import shift_the_scripts


class HostClock(SystemClock):
    """A wall clock that is off by some seconds."""

    def __init__(self, seconds):
        self.wall_ns = lambda: SystemClock().wall_ns() + int(seconds * 1e9)


class Host:
    """What one process does, and how it went."""

    def __init__(self, task):
        self.task = task
        self.tally = {"accepted": 0, "refused": 0, "unknown": 0, "unavailable": 0, "errors": []}
        self.recent = {}
        self.stopping = threading.Event()
        self.left = task.get("calls") or float("inf")

    async def run(self):
        manager = await self.begin()
        print("ready", flush=True)
        try:
            await asyncio.gather(*(self.work(manager, *key) for key in self.task["keys"] * self.task.get("tasks", 1)))
        finally:
            await asyncio.to_thread(manager.store.close)

    async def begin(self):
        """Open the store; begin again if the engine did not answer in time, as whoever starts a process does."""
        attempts = 100
        while True:
            attempts -= 1
            try:
                return GlobalKrakenNonceManager(
                    self.task["store"], clock=HostClock(self.task.get("clock", 0)), registry=LaneRegistry()
                )
            except StoreUnavailable:
                if not attempts:
                    raise
                await asyncio.sleep(0.1)

    async def work(self, manager, key, secret):
        credentials, timeout = Credentials(key, secret), self.task.get("timeout", 1.0)
        async with KrakenClient(credentials, manager=manager, base_url=self.task["url"], timeout=timeout) as client:
            while not self.stopping.is_set() and self.left > 0:
                self.left -= 1
                await self.call(client, credentials.fingerprint)

    async def call(self, client, name):
        try:
            outcome = await client.call("Balance")
        except StoreUnavailable:
            self.tally["unavailable"] += 1
            await asyncio.sleep(0.1)
        except KrakenonceError as error:
            self.tally["errors"].append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.1)
        else:
            kind = (
                "accepted"
                if isinstance(outcome, Accepted)
                else "refused"
                if isinstance(outcome, Refused)
                else "unknown"
            )
            self.tally[kind] += 1
            if kind == "accepted":
                self.recent[name] = self.recent.get(name, 0) + 1
            elif kind == "refused":
                self.tally["errors"].append(str(outcome.errors))

    def listen(self):
        """Obey what comes on the standard input: "count" or "stop"."""
        for line in sys.stdin:
            if line.strip() == "count":
                print(json.dumps(self.recent), flush=True)
            else:
                break
        self.stopping.set()


def main():
    task = json.loads(sys.stdin.readline())
    shift_the_scripts()
    host = Host(task)
    threading.Thread(target=host.listen, daemon=True).start()
    asyncio.run(host.run())
    print(json.dumps(host.tally), flush=True)


if __name__ == "__main__":
    main()
