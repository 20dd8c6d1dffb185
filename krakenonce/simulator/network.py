"""The way to the exchange: how long a request takes. Drawn from the seed, per key, so keys don't disturb each other."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krakenonce.simulator.settings import Settings


class Network:
    """Draws the delay of every request. Two requests of one key that leave together may arrive in either order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._streams: dict[str, random.Random] = {}

    def delay_s(self, name: str) -> float:
        """Return how long the next request of the key called *name* travels, in seconds: latency ± jitter."""
        if not self._settings.latency_ms:
            return 0.0
        jitter = self._settings.jitter_ms
        return (self._settings.latency_ms + self.stream(name).uniform(-jitter, jitter)) / 1000

    def stream(self, name: str) -> random.Random:
        """Return the random numbers of the key called *name*."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self._settings.seed}/network/{name}")
        return self._streams[name]
