"""A feed of the simulated master's, in virtual time."""

import asyncio

from krakenonce.clock import NS_PER_US
from krakenonce.copytrader.feed import ExecutionsFeed, FeedOptions
from tests.virtual_kraken import VirtualKraken


class Desk:
    """The exchange, the master's hand, and what his feed delivers."""

    def __init__(self, **knobs):
        self.kraken = VirtualKraken(**{"accounts": 2, "latency_ms": 20, "jitter_ms": 15, **knobs})
        self.fills, self.batches, self.events = [], [], []
        self.hand = self.kraken.hand(0)
        self.feed = self._task = None

    def run(self, story):
        async def whole():
            try:
                return await story()
            finally:
                await self.stop()

        return self.kraken.run(whole())

    async def start(self, cursor_ns=0, *, wait=True, **options):
        self.broker = self.kraken.broker(0)
        await self.broker.connect()
        self.feed = ExecutionsFeed(
            "MASTER",
            self.broker,
            self.kraken.dialing,
            await self.kraken.symbols(self.broker),
            options=FeedOptions(**options),
            chance=self.kraken.chance,
        )
        self.feed.subscribe(self._on_fills, self.events.extend)
        self._task = asyncio.create_task(self.feed.run(cursor_ns))
        async with asyncio.timeout(100):
            while wait and self.feed.standing.is_held:
                await asyncio.sleep(0.05)

    async def stop(self):
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.broker.close()
            self._task = None

    def _on_fills(self, fills):
        self.batches.append(len(fills))
        self.fills += fills

    def trade(self, number=1):
        """Have the master make *number* trades of different sizes, there and back again."""
        for place in range(number):
            self.kraken.clock.advance(NS_PER_US)  # the resolution of the exchange's time stamps
            self.hand.place("sell" if place % 2 else "buy", f"{0.001 * (1 + place % 7):.3f}")

    @property
    def real(self):
        """What the master really traded, by the exchange's own books, oldest first."""
        return [trade.txid for trade in self.kraken.exchange.accounts[0].trades]

    @property
    def delivered(self):
        return [fill.exec_id for fill in self.fills]
