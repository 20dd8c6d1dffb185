"""Spot trading on margin: positions instead of coins, and the margin that they bind.

Positions close first in, first out; profit and loss come in the quote asset when they do. Rollover fees and forced
liquidation are left out: an account can run below zero, and the audit does not call that lost money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.orders import Side, opposite
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.matching import Plan
    from krakenonce.simulator.orders import Order, Ticket

ZERO = Decimal(0)


@dataclass(slots=True, eq=False)
class Position:
    """What one margin order has opened. *volume* and *cost* are what is still open of it."""

    txid: str
    order: Order
    opened_ns: int
    volume: Decimal
    cost: Decimal
    closed: Decimal = ZERO
    fee: Decimal = ZERO

    @property
    def pair(self) -> Pair:
        """The market it is on."""
        return self.order.pair

    @property
    def side(self) -> Side:
        """buy for a long position, sell for a short one."""
        return self.order.side

    @property
    def margin(self) -> Decimal:
        """What it binds, in quote units."""
        return self.cost / self.order.ticket.leverage

    def reduce(self, volume: Decimal) -> Decimal:
        """Take *volume* out of the position and return its cost."""
        cost = self.cost if volume == self.volume else self.cost * volume / self.volume
        self.volume -= volume
        self.cost -= cost
        self.closed += volume
        return cost

    def profit(self, price: Decimal) -> Decimal:
        """Return what closing all of it at *price* would bring, in quote units."""
        return (price * self.volume - self.cost) * (1 if self.side == "buy" else -1)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a margin trade did: the profit it realised, its position, and whether it closed some of one."""

    realised: Decimal
    position: str
    closing: bool


class Margin:
    """The open positions of every account. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def trade(self, order: Order, price: Decimal, volume: Decimal, fee: Decimal) -> Effect:
        """Close what *order* is opposed to, open the rest, and return the profit realised (exact)."""
        realised, position = ZERO, ""
        for other in list(self.of(order.account, order.pair, opposite(order.side))):
            part = min(volume, other.volume)
            cost = other.reduce(part)
            realised += (price * part - cost) * (1 if other.side == "buy" else -1)
            position, volume = other.txid, volume - part
            self._tidy(order.account, other)
            if not volume:
                return Effect(_cut(realised), position, closing=True)
        return Effect(_cut(realised), self._open(order, price, volume, fee), closing=bool(position))

    def of(self, account: Account, pair: Pair, side: Side) -> Iterator[Position]:
        """Yield the account's open positions on one side of one pair, oldest first."""
        return (row for row in account.positions.values() if row.pair is pair and row.side == side)

    def check(self, order: Order, plan: Plan) -> None:
        """Refuse an order for which there is too little free margin.

        Raises:
            Refusal: ``EOrder:Insufficient margin``.
        """
        against = sum((row.volume for row in self.of(order.account, order.pair, opposite(order.side))), ZERO)
        market = self._exchange.market(order.pair)
        price = order.limit_price or order.trigger_price or market.best(opposite(order.side))
        opening = max(ZERO, order.remaining - against)
        needed = market.in_usd(max(plan.cost, price * order.remaining)) * opening / order.remaining
        if needed / order.ticket.leverage > self.figures(order.account).free:
            raise Refusal("EOrder:Insufficient margin")

    def check_reducing(self, account: Account, ticket: Ticket) -> None:
        """Refuse a reduce_only order that would open or enlarge a position.

        Raises:
            Refusal: ``EOrder:Reduce only:No position exists``.
        """
        open_volume = sum((row.volume for row in self.of(account, ticket.pair, opposite(ticket.side))), ZERO)
        if ticket.reduce_only and open_volume < ticket.volume:
            raise Refusal("EOrder:Reduce only:No position exists")

    def figures(self, account: Account) -> Figures:
        """Return the account's standing in US dollars."""
        exchange = self._exchange
        balance = sum((amount * exchange.usd_price(name) for name, amount in account.wallet.balances.items()), ZERO)
        figures = Figures(balance)
        for row in account.positions.values():
            market = exchange.market(row.pair)
            figures.margin += market.in_usd(row.margin)
            figures.cost += market.in_usd(row.cost)
            figures.value += market.in_usd(row.volume * market.last)
            figures.profit += market.in_usd(row.profit(market.last))
        return figures

    def _open(self, order: Order, price: Decimal, volume: Decimal, fee: Decimal) -> str:
        positions = order.account.positions
        mine = next((row for row in positions.values() if row.order is order), None)
        if mine is None:
            txid = self._exchange.mint.transaction("T")
            mine = positions[txid] = Position(txid, order, self._exchange.now, ZERO, ZERO)
        mine.volume += volume
        mine.cost += price * volume
        mine.fee += fee
        return mine.txid

    @staticmethod
    def _tidy(account: Account, position: Position) -> None:
        if not position.volume:
            del account.positions[position.txid]


@dataclass(slots=True)
class Figures:
    """An account's standing: everything in US dollars."""

    balance: Decimal
    margin: Decimal = ZERO
    cost: Decimal = ZERO
    value: Decimal = ZERO
    profit: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        """Balance and what the open positions would bring."""
        return self.balance + self.profit

    @property
    def free(self) -> Decimal:
        """Equity that no position binds."""
        return self.equity - self.margin


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1e-10"))
