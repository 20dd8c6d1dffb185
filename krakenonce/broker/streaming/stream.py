"""What the account's own channels tell: how orders end, and what is on the account."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from krakenonce.broker.executions import OrderLog, StreamedOrder, read_report
from krakenonce.broker.streaming.wallet import Wallet
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Continuity, SequenceWatch, Subscription, Told

log = logging.getLogger("krakenonce")

SUBSCRIPTIONS = (Subscription("executions", {"snap_trades": False, "snap_orders": True}), Subscription("balances"))


class News(Enum):
    """Why somebody who waits for news of an order is woken."""

    TOLD = "something was told of it"
    MISSED = "something may have been missed: look it up"
    NOTHING = "nothing was told in time"


class AccountStream:
    """Hears one account's channels. Belongs to one event loop.

    Parameters:
        name: the account's name, for the log.
        symbols: the names of pairs and assets.
        on_order: told of every order as it stands after a report.
        renew: called with the name of a channel of which something is missing.
    """

    def __init__(
        self,
        name: str,
        symbols: Symbols,
        on_order: Callable[[StreamedOrder], None],
        renew: Callable[[str], None],
    ) -> None:
        self._name, self._on_order, self._renew = name, on_order, renew
        self.orders, self.wallet = OrderLog(), Wallet(symbols)
        self.is_live = False
        self._watch = SequenceWatch()
        self._awaits_snapshot = True
        self._waiting: dict[str, list[asyncio.Future[News]]] = {}

    def on_subscribed(self, channel: str) -> None:
        """A new subscription begins; its snapshot replaces what was known."""
        if channel == "balances":
            self.wallet.begin()
        elif channel == "executions":
            self._watch, self._awaits_snapshot = SequenceWatch(), True

    def on_told(self, told: Told) -> None:
        """Take in a message.

        Raises:
            ArithmeticError, LookupError, TypeError, ValueError: it is in no documented form.
        """
        if told.channel == "balances":
            if not self.wallet.take(told):
                self._renew("balances")
        elif told.channel == "executions":
            self._hear(told)

    def on_up(self) -> None:
        """The connection is ready."""

    def on_down(self, cause: str) -> None:
        """The connection is over: whoever waits for news has to look."""
        self.is_live = False
        self.wallet.lose()

    async def news(self, name: str, within_s: float) -> News:
        """Wait until something is told of the order called *name*, for *within_s* seconds at the most."""
        future: asyncio.Future[News] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append(future)
        try:
            await asyncio.wait((future,), timeout=within_s)
        finally:
            self._leave(name, future)
        return future.result() if future.done() else News.NOTHING

    def wake(self, name: str, news: News = News.TOLD) -> None:
        """Wake whoever waits for news of *name*."""
        for future in self._waiting.get(name, ()):
            if not future.done():
                future.set_result(news)

    def _leave(self, name: str, future: asyncio.Future[News]) -> None:
        waiting = self._waiting[name]
        waiting.remove(future)
        if not waiting:
            del self._waiting[name]

    def _hear(self, told: Told) -> None:
        continuity = self._watch.look(told.sequence)
        if continuity is Continuity.REPEATED:
            return
        if self._awaits_snapshot and told.kind == "update":
            self._go_without_snapshot(told)
        for entry in told.data:
            order = self.orders.take(read_report(entry))
            self._on_order(order)
            self.wake(order.cl_ord_id)
        if self._awaits_snapshot and told.kind == "snapshot":
            self._replace({str(entry["order_id"]) for entry in told.data})
        if continuity is Continuity.GAP:
            log.warning("%s: the executions channel has a gap; subscribing anew", self._name)
            self._renew("executions")

    def _go_without_snapshot(self, told: Told) -> None:
        """The first message is no snapshot: there was none to send, or it was lost; then ask again, once."""
        self._awaits_snapshot = False
        if told.sequence is not None and told.sequence > 1:
            log.warning("%s: the snapshot of open orders was lost; subscribing anew", self._name)
            self._renew("executions")
        else:
            self.is_live = True

    def _replace(self, still_open: set[str]) -> None:
        """Take a snapshot for all there is: orders that are not in it have ended, and nobody told us how."""
        self._awaits_snapshot, self.is_live = False, True
        for order in self.orders.open:
            if order.order_id not in still_open:
                self.orders.forget(order.order_id)
        for name in list(self._waiting):
            if self.orders.named(name) is None:
                self.wake(name, News.MISSED)
