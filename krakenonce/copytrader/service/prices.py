"""The last prices, read again and again for everybody. One event loop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.errors import KrakenonceError

log = logging.getLogger("krakenonce")

FEW_S, ALL_S = 5, 60

Read = Callable[[Sequence[str] | None], Awaitable[Mapping[str, Decimal]]]
Take = Callable[[Mapping[str, Decimal], int], None]


class PriceFeed:
    """Reads the prices of the pairs in use every 5 seconds and all others once a minute: public calls, without a nonce.

    Parameters:
        read: returns the last prices of some pairs (None: of all), by key.
        take: told of prices and the moment they were read, by our clock.
        clock, sleep: time, injected.
        pairs: the pairs in use; None for all.
    """

    def __init__(self, read: Read, take: Take, clock: Clock, sleep: Sleep, pairs: Sequence[str] | None) -> None:
        self._read, self._take, self._clock, self._sleep = read, take, clock, sleep
        self.pairs = pairs
        self._all_ns = -ALL_S * NS_PER_SECOND

    async def refresh(self) -> None:
        """Read what is due; raises `KrakenonceError` if that cannot be done now."""
        now_ns = self._clock.boot_ns()
        is_all = now_ns - self._all_ns >= ALL_S * NS_PER_SECOND
        if not is_all and not self.pairs:
            return
        at_ns = self._clock.wall_ns()
        self._take(await self._read(None if is_all else self.pairs), at_ns)
        if is_all:
            self._all_ns = now_ns

    async def begin(self) -> None:
        """Read all once, if that can be done now."""
        try:
            await self.refresh()
        except KrakenonceError as error:
            log.warning("prices can't be read yet (%s)", error)

    async def run(self) -> None:
        """Read until cancelled; never fails."""
        failed = 0
        while True:
            await self._sleep(min(FEW_S * 2**failed, ALL_S))
            try:
                await self.refresh()
                failed = 0
            except KrakenonceError as error:
                failed = min(failed + 1, 4)
                log.log(logging.WARNING if failed == 1 else logging.DEBUG, "prices can't be read now (%s)", error)
