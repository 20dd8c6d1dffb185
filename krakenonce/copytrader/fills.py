"""The master's fills: each one once, none from before the start, none missed behind a full page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from krakenonce.broker import Fill
from krakenonce.clock import NS_PER_SECOND


class FillSource(Protocol):
    """An account whose trades can be read."""

    @property
    def fingerprint(self) -> str:
        """The name by which its API key is known, the same for the same key."""

    async def fills(self, since_ns: int) -> list[Fill]:
        """Return every trade from *since_ns* on, oldest first, over as many pages as it takes."""

    async def server_time_ns(self) -> int:
        """Return the exchange's clock, rounded down to its resolution."""


class FillSieve:
    """Lets each fill through once. Pure state, no I/O.

    Parameters:
        began_ns: fills from before this moment of the exchange's clock are never let through.
        overlap_ns: how late a fill may show up in the exchange's books and still be noticed. Reading starts this far
            before the newest fill known.
    """

    def __init__(self, began_ns: int, overlap_ns: int) -> None:
        self._began_ns, self._overlap_ns = began_ns, overlap_ns
        self._newest_ns = began_ns
        self._seen: dict[str, int] = {}

    @property
    def since_ns(self) -> int:
        """From when on the books have to be read next."""
        return self._newest_ns - self._overlap_ns

    def fresh(self, fills: Iterable[Fill]) -> list[Fill]:
        """Return those of *fills* that were never seen before, in their order, and remember them."""
        new = []
        for fill in fills:
            if fill.exec_id not in self._seen and fill.time_ns >= self._began_ns:
                new.append(fill)
            self._seen[fill.exec_id] = fill.time_ns
            self._newest_ns = max(self._newest_ns, fill.time_ns)
        self._forget()
        return new

    def _forget(self) -> None:
        # What lies before since_ns will not be read again, so its id need not be kept.
        if len(self._seen) > 1_000:
            self._seen = {exec_id: at for exec_id, at in self._seen.items() if at >= self.since_ns}


class FillFeed:
    """Polls the master's trade history. One task at a time.

    Reads TradesHistory (https://docs.kraken.com/api/docs/rest-api/get-trade-history), which costs 2 of the key's call
    counter each time; see *every_s*.

    Parameters:
        source: the master's account.
        every_s: seconds between two polls. With Kraken's counter of tier Pro (20, minus 1 a second) 2 s can be kept up.
        overlap_s: seconds by which a fill may show up late in the books and still be copied.
    """

    def __init__(self, source: FillSource, *, every_s: float = 2.0, overlap_s: int = 15) -> None:
        self.every_s = every_s
        self.fingerprint = source.fingerprint
        self._source = source
        self._overlap_ns = overlap_s * NS_PER_SECOND
        self._sieve: FillSieve | None = None

    async def begin(self) -> None:
        """Fix the start: what the master has filled up to now is never copied.

        Raises:
            RequestRefused, OutcomeUnknown: the exchange did not answer; nothing has begun.
        """
        sieve = FillSieve(await self._source.server_time_ns(), self._overlap_ns)
        sieve.fresh(await self._source.fills(sieve.since_ns))
        self._sieve = sieve

    async def poll(self) -> list[Fill]:
        """Return the fills that are new since the last call, oldest first.

        Raises:
            RequestRefused, OutcomeUnknown: the exchange did not answer. Nothing is lost: the next call reads it all.
        """
        if self._sieve is None:
            await self.begin()
            return []
        return self._sieve.fresh(await self._source.fills(self._sieve.since_ns))
