"""How matches become trades: both sides settle under one trade id, the tape and the listeners hear of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.events import Events, Print
from krakenonce.simulator.orders import Order, Side, opposite

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.matching import Match
    from krakenonce.simulator.settlement import Settlement


class Execution:
    """Carries out matches. Belongs to the exchange's thread.

    Parameters:
        close: ends an order that has nothing left to fill.
    """

    def __init__(self, exchange: Exchange, close: Callable[[Order, str], None]) -> None:
        self._exchange = exchange
        self._events: Events = exchange.events
        self._settlement: Settlement = exchange.settlement
        self._close = close

    def take(self, market: Market, order: Order, match: Match) -> None:
        """Let *order* take one match out of the book."""
        number = market.tape.next_id()
        if match.level is not None:
            match.level.volume -= match.volume
        if match.maker is not None:
            self._fill(market, match.maker, match.price, match.volume, number, maker=True)
        self._fill(market, order, match.price, match.volume, number, maker=False)
        kind = "limit" if order.limit_price is not None else "market"
        self.publish(market, number, match.price, match.volume, order.side, kind)

    def fill_resting(self, market: Market, order: Order, volume: Decimal, taker: str) -> None:
        """Fill *volume* of a resting order at its own price, against an order from outside of type *taker*."""
        number, price = market.tape.next_id(), order.limit_price or Decimal(0)
        self._fill(market, order, price, volume, number, maker=True)
        self.publish(market, number, price, volume, opposite(order.side), taker)

    def publish(self, market: Market, number: int, price: Decimal, volume: Decimal, side: Side, kind: str) -> None:
        """Put a trade on the public tape; *side* and *kind* are the taker's."""
        event = Print(market.pair, number, price, volume, side, kind, self._exchange.now)
        market.record(event)
        self._events.tell(event)

    def _fill(self, market: Market, order: Order, price: Decimal, volume: Decimal, number: int, *, maker: bool) -> None:
        now_ns = self._exchange.now
        trade = self._settlement.fill(market, order, price, volume, number, maker=maker, now_ns=now_ns)
        if _is_done(order):
            if order.limit_price is not None:
                market.side(order.side).remove(order)
            self._close(order, "closed")
        else:
            self._settlement.reserve(order)
        self._settlement.announce(trade)


def _is_done(order: Order) -> bool:
    if not order.ticket.in_quote:
        return order.remaining <= 0
    # An order in quote units is done when what is left does not buy one more lot.
    return order.remaining < order.trades[-1].price * order.pair.lot
