"""Copy orders on a real account: the engine's words translated into the broker's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.broker import Acknowledged, Balance, Order, OrderState
from krakenonce.broker.streaming import StreamingAccount
from krakenonce.copytrader.records import CopyOrder, Purpose
from krakenonce.lanes import Priority

if TYPE_CHECKING:
    from krakenonce.kraken.replies import Refused


class LiveAccount:
    """One user's account at the exchange, over its own WebSocket or over REST. Belongs to one event loop.

    Parameters:
        account: the account; started and closed by the caller.
    """

    def __init__(self, account: StreamingAccount) -> None:
        self.account = account
        self._ready: tuple[CopyOrder, Order] | None = None

    def __repr__(self) -> str:
        return f"LiveAccount({self.account!r})"

    @property
    def name(self) -> str:
        """``USER:<name>``."""
        return self.account.name

    @property
    def fingerprint(self) -> str:
        """The name by which its API key is known, the same for the same key."""
        return self.account.fingerprint

    @property
    def path(self) -> str:
        """How an order would go out now: ``ws`` or ``rest``."""
        return self.account.path

    def get_ready(self, order: CopyOrder) -> None:
        """Put *order* into the words in which it will be sent, if it will be."""
        asked = exchange_order(order)
        self.account.get_ready(asked, order.deadline_ns)
        self._ready = (order, asked)

    def send(self, order: CopyOrder) -> asyncio.Future[Acknowledged | Refused]:
        """Hand *order* over, at once; see `StreamingAccount.send`."""
        priority = Priority.ENTRY if order.purpose is Purpose.ENTRY else Priority.EXIT
        ready, self._ready = self._ready, None
        asked = ready[1] if ready is not None and ready[0] is order else exchange_order(order)
        return self.account.send(asked, order.deadline_ns, priority=priority)

    async def ending(self, order: CopyOrder) -> OrderState | None:
        """Return how *order* ended; None if it never existed; see `StreamingAccount.ending`."""
        return await self.account.ending(exchange_order(order), order.deadline_ns)

    def was_switched_off(self, state: OrderState) -> bool:
        """Return whether the account's cancel-after switch has ended it; see `StreamingAccount.was_switched_off`."""
        return self.account.was_switched_off(state)

    def executed(self, cl_ord_id: str) -> Decimal:
        """Return what one order has executed so far, as far as is told."""
        return self.account.executed(cl_ord_id)

    async def cancel(self, cl_ord_id: str) -> None:
        """Have one open order cancelled; see `StreamingAccount.cancel`."""
        await self.account.cancel(cl_ord_id)

    async def cancel_all_copies(self, names: Collection[str]) -> None:
        """Have the open orders *names* cancelled, all handed over at once."""
        await self.account.cancel_all(names)

    async def amend(self, cl_ord_id: str, *, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> None:
        """Change an open order; see `StreamingAccount.amend`."""
        await self.account.amend(cl_ord_id, volume=volume, limit=limit, trigger=trigger)

    async def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset key."""
        return await self.account.balances()


def exchange_order(order: CopyOrder) -> Order:
    """Return the order the exchange is asked for. Fees are paid in the quote asset, so that coins stay whole lots."""
    ordertype = order.ordertype or ("market" if order.limit is None else "limit")
    is_triggered = ordertype not in ("market", "limit")
    return Order(
        pair=order.line.pair,
        side=order.side,
        volume=order.volume,
        ordertype=ordertype,
        price=order.trigger if is_triggered else order.limit,
        price2=order.limit if ordertype.endswith("-limit") else None,
        cl_ord_id=order.cl_ord_id,
        time_in_force="ioc" if order.ordertype is None and ordertype == "limit" else "gtc",
        fees_in="quote",
    )
