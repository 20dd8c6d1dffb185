"""How an order fares on paper: filled at once by a book, or later by prices. Pure but for its own state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from krakenonce.broker import OrderState, PairRules
from krakenonce.copytrader.amounts import ZERO, add, multiply, subtract
from krakenonce.copytrader.paper.book import NOTHING, PaperBook, Taken
from krakenonce.copytrader.records import CopyOrder

_FEE_STEP = Decimal("0.00001")
NO_COUNTERPART = "nothing more was on offer within the limit"


@dataclass(slots=True)
class PaperOrder:
    """One order on paper.

    Attributes:
        order: what was asked for; volume, limit and trigger may be amended.
        executed, cost: what it has got so far.
        is_triggered: whether it takes part in the market: a stop waits for its trigger.
        ended: done with its last state when it is closed.
    """

    order: CopyOrder
    rules: PairRules
    opened_ns: int
    volume: Decimal
    limit: Decimal | None
    trigger: Decimal | None
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    is_triggered: bool = False
    ended: asyncio.Future[OrderState] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def kind(self) -> str:
        """The order's type in Kraken's words."""
        return self.order.ordertype or ("market" if self.order.limit is None else "limit")

    @property
    def txid(self) -> str:
        """Its name at an exchange that has never heard of it."""
        return f"DRY-{self.order.cl_ord_id}"

    @property
    def rests(self) -> bool:
        """Whether what finds no counterpart stays: orders that mirror the master's, but not those for a fill."""
        return self.order.ordertype is not None and self.kind != "market"

    def meet(self, book: PaperBook) -> Taken:
        """Take what *book* offers, and return it."""
        if self.trigger is not None and not self.is_triggered:
            return NOTHING
        limit = None if self.kind in ("market", "stop-loss", "take-profit") else self.limit
        return self._got(book.take(self.order.side, subtract(self.volume, self.executed), limit))

    def see(self, price: Decimal) -> Taken:
        """Take the last *price*: it may trigger the order, and fill the rest of it. Return what it filled."""
        if self.trigger is not None and not self.is_triggered:
            self.is_triggered = self._triggers(price)
        if self.trigger is not None and not self.is_triggered:
            return NOTHING
        at = price if self.limit is None else self.limit
        if self.limit is not None and not self._reaches(price):
            return NOTHING
        rest = subtract(self.volume, self.executed)
        return self._got(Taken(rest, multiply(rest, at)))

    def fee(self, cost: Decimal, rate: Decimal) -> Decimal:
        """Return what would be charged for *cost*, in the quote asset."""
        return multiply(cost, rate).quantize(_FEE_STEP)

    def state(self, status: str, fee_rate: Decimal, reason: str = "") -> OrderState:
        """Return the order as an exchange would show it."""
        price = self.cost / self.executed if self.executed else ZERO
        return OrderState(
            self.txid, self.order.cl_ord_id, self.rules.altname, self.order.side, self.kind, status, self.volume,
            self.executed, price, self.cost, self.fee(self.cost, fee_rate), self.opened_ns, reason,
            self.limit or ZERO,
        )  # fmt: skip

    def _got(self, taken: Taken) -> Taken:
        self.executed, self.cost = add(self.executed, taken.volume), add(self.cost, taken.cost)
        return taken

    def _triggers(self, price: Decimal) -> bool:
        # A stop goes with the market that runs away, a take-profit with the one that comes.
        if self.trigger is None:
            return True
        falls = (self.order.side == "sell") is self.kind.startswith("stop-loss")
        return price <= self.trigger if falls else price >= self.trigger

    def _reaches(self, price: Decimal) -> bool:
        limit = self.limit if self.limit is not None else price
        return price <= limit if self.order.side == "buy" else price >= limit
