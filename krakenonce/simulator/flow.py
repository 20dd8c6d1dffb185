"""The outside world: prices move along their path, and other people's orders trade with the clients'."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.events import BookChanged
from krakenonce.simulator.matching import accepts
from krakenonce.simulator.orders import opposite
from krakenonce.simulator.prices import Move, Taker

if TYPE_CHECKING:
    from krakenonce.simulator.book import Level, Offer
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.orders import Order, Side


class OutsideFlow:
    """Moves every market, once per step. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def step(self) -> None:
        """Let every path move on to the exchange's present moment."""
        for market in self._exchange.markets.values():
            before = market.move
            move = market.advance(self._exchange.now, next(self._exchange.engine.ranks))
            if (move.bid, move.ask) != (before.bid, before.ask) or move.takers:
                self._settle(market, move)

    def set_price(self, market: Market, price: Decimal) -> None:
        """Put the market's own quotes around *price* until the path moves again, and print one small trade there."""
        tick = market.pair.tick
        move = Move(price - tick, price, (Taker("buy", market.pair.order_min),))
        market.set_quotes(move, next(self._exchange.engine.ranks))
        self._settle(market, move)

    def _settle(self, market: Market, move: Move) -> None:
        self._cross(market, "buy")
        self._cross(market, "sell")
        for taker in move.takers:
            self._take(market, taker)
        self._exchange.engine.pull_triggers(market)
        self._exchange.events.tell(BookChanged(market.pair))

    def _cross(self, market: Market, side: Side) -> None:
        """Fill the clients' orders that the market's own quotes have run into."""
        while (order := market.side(side).first) is not None:
            level = _first_level(market, order)
            if level is None:
                return
            volume = min(order.remaining, level.volume)
            level.volume -= volume
            self._exchange.engine.execution.fill_resting(market, order, volume, "limit")

    def _take(self, market: Market, taker: Taker) -> None:
        for offer, volume in _shares(market, taker):
            if offer.order is not None:
                self._exchange.engine.execution.fill_resting(market, offer.order, volume, "market")
            elif offer.level is not None:
                offer.level.volume -= volume
                number = market.tape.next_id()
                self._exchange.engine.execution.publish(market, number, offer.price, volume, taker.side, "market")


def _shares(market: Market, taker: Taker) -> list[tuple[Offer, Decimal]]:
    # A list, because taking changes the book that offers() walks through.
    shares: list[tuple[Offer, Decimal]] = []
    left = taker.volume
    for offer in market.against(taker.side).offers():
        if left <= 0:
            break
        shares.append((offer, min(left, offer.volume)))
        left -= offer.volume
    return shares


def _first_level(market: Market, order: Order) -> Level | None:
    levels = market.side(opposite(order.side)).levels
    level = next((level for level in levels if level.volume > 0), None)
    if level is None or not accepts(order.side, order.limit_price, level.price):
        return None
    return level
