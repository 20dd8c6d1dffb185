"""Streaming accounts on the simulated exchange, in virtual time."""

import asyncio
from decimal import Decimal

from krakenonce.broker import Order
from krakenonce.broker.streaming import StreamingAccount, StreamOptions
from krakenonce.clock import NS_PER_SECOND
from tests.virtual_kraken import VirtualKraken

PAIR = "XXBTZUSD"


class Desk:
    """The exchange and one user's account on it."""

    def __init__(self, **knobs):
        self.kraken = VirtualKraken(**{"accounts": 2, "latency_ms": 20, "jitter_ms": 15, **knobs})
        self.hand = self.kraken.hand(1)

    def run(self, story, **options):
        async def whole():
            await self.start(**options)
            try:
                return await story()
            finally:
                await self.stop()

        return self.kraken.run(whole())

    async def start(self, *, wait=True, switch=None, journal=None, limits=None, **options):
        self.broker = self.kraken.broker(1, journal=journal, limits=limits)
        await self.broker.connect()
        symbols = await self.kraken.symbols(self.broker)
        self.account = StreamingAccount(
            self.broker,
            self.kraken.dialing,
            symbols,
            options=StreamOptions(**options),
            switch=switch,
            chance=self.kraken.chance,
        )
        self.account.start()
        if wait and options.get("websocket", True):
            await self.connected()

    async def connected(self):
        async with asyncio.timeout(100):
            while self.account.path != "ws":
                await asyncio.sleep(0.05)

    async def stop(self):
        await self.account.close()
        await self.broker.close()

    def deadline(self, seconds=5):
        return self.broker.now_ns() + seconds * NS_PER_SECOND

    def market(self, name, volume="0.01", side="buy"):
        return Order(PAIR, side, Decimal(volume), cl_ord_id=name, fees_in="quote")

    def ioc(self, name, volume="0.01", price="51000", side="buy"):
        return Order(
            PAIR, side, Decimal(volume), "limit", Decimal(price), cl_ord_id=name, time_in_force="ioc", fees_in="quote"
        )

    def resting(self, name, volume="0.01", price="40000"):
        return Order(PAIR, "buy", Decimal(volume), "limit", Decimal(price), cl_ord_id=name)

    def orders(self, place=1):
        """Every order that the exchange has ever taken for the account, by its cl_ord_id."""
        found = {}
        for order in self.kraken.exchange.accounts[place].orders.values():
            found.setdefault(order.ticket.cl_ord_id, []).append(order)
        return found

    def calls(self, method):
        return sum(called == method for _, called in self.kraken.rest_calls)
