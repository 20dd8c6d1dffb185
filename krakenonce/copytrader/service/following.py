"""The masters' feeds around the engine: what they deliver, and which orders are open when a stream is there again."""

from __future__ import annotations

import asyncio

from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.protocols import OnFills
from krakenonce.copytrader.feed import ExecutionsFeed
from krakenonce.copytrader.records import MasterOrderEvent
from krakenonce.copytrader.service.furnishing import Ambience, Furniture

ORDERS_S = 0.5


class Following:
    """Runs one feed for each master, from `begin` to `end`. One event loop.

    Parameters:
        furniture: the masters' accounts and connections; ambience: time and chance.
        copier: the engine; on_fills: told of fills.
        unseen_s: for how long a user may have been without a worker who follows the masters for him.

    Attributes:
        feeds: by master.
    """

    def __init__(
        self, furniture: Furniture, ambience: Ambience, copier: Copier, on_fills: OnFills, unseen_s: float
    ) -> None:
        self._copier, self._now_ns, self._sleep = copier, furniture.reader.now_ns, ambience.sleep
        self._unseen_ns = int(unseen_s * NS_PER_SECOND)
        self._tasks: list[asyncio.Task[None]] = []
        symbols = furniture.world.symbols
        self.feeds = {
            name: ExecutionsFeed(
                name, broker, furniture.dialer, symbols, sleep=ambience.sleep, chance=ambience.chance
            )
            for name, broker in furniture.masters.items()
        }  # fmt: skip
        for feed in self.feeds.values():
            feed.subscribe(on_fills, copier.on_orders)

    def begin(self) -> None:
        """Follow the masters from where the journal ends."""
        self._copier.shown = self._shown
        for name, feed in self.feeds.items():
            work = feed.run(self._copier.cursor_ns(name))
            self._tasks.append(asyncio.create_task(work, name=f"feed of {name}"))
            self._tasks.append(
                asyncio.create_task(mind_orders(feed, self._copier, self._sleep), name=f"orders of {name}")
            )

    async def end(self) -> None:
        """Follow them no more. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _shown(self, master: str) -> list[MasterOrderEvent] | None:
        # What was opened so lately may have found a user without a worker.
        return self.feeds[master].shown(self._now_ns() - self._unseen_ns)


async def mind_orders(feed: ExecutionsFeed, copier: Copier, sleep: Sleep) -> None:
    """Tell *copier* which orders of the master's are open, each time his stream is there again, until cancelled.

    What was cancelled while nobody listened would be followed for ever otherwise; and while nobody listens, nothing is
    to be placed for an order that may be over.
    """
    is_told = False
    while True:
        txids = feed.open_orders
        if not feed.is_heard:
            copier.on_silence(feed.master)
        if txids is None:
            is_told = False
        elif not is_told and not feed.standing.is_held:
            copier.on_open_orders(feed.master, txids)
            is_told = True
        await sleep(ORDERS_S)
