"""One user's account on paper: what the engine needs of an account, without a single call that changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from decimal import Decimal

from krakenonce.broker import Acknowledged, Balance, OrderState, PairRules
from krakenonce.clock import Clock
from krakenonce.copytrader.amounts import subtract
from krakenonce.copytrader.engine.protocols import Purseholder
from krakenonce.copytrader.paper.book import PaperBook, Taken
from krakenonce.copytrader.paper.market import PaperMarket
from krakenonce.copytrader.paper.orders import NO_COUNTERPART, PaperOrder
from krakenonce.copytrader.paper.wallet import PaperWallet
from krakenonce.copytrader.records import CopyOrder
from krakenonce.errors import KrakenonceError, RequestRefused, TryLater
from krakenonce.kraken.replies import Refused, Unknown, judge_errors

UNKNOWN_ORDER = "EOrder:Unknown order"


class PaperAccount:
    """Fills orders against the public book, within their limits, and charges an estimated fee. One event loop.

    It never sends an order, a cancellation or an amendment. An order of an earlier run is unknown to it: nothing of it
    exists.

    Parameters:
        name: ``USER:<name>``.
        fingerprint: of the user's key; any name of its own if there is none.
        market: books and prices, shared by all.
        purse: whose balances count: the real account (its balances are read), or a made one.
        rules: of every pair, by key.
        clock: where time is read.
        fee_rate: the taker's fee, as a fraction.
        wallet: what orders on paper have changed so far; one that is handed on goes on with it.
    """

    path = "dry"

    def __init__(
        self,
        name: str,
        fingerprint: str,
        market: PaperMarket,
        purse: Purseholder,
        rules: Mapping[str, PairRules],
        *,
        clock: Clock,
        fee_rate: Decimal,
        wallet: PaperWallet | None = None,
    ) -> None:
        self.name, self.fingerprint = name, fingerprint
        self.purse = purse
        self._market, self._rules, self._clock, self._fee_rate = market, rules, clock, fee_rate
        self._wallet = wallet or PaperWallet()
        self._orders: dict[str, PaperOrder] = {}
        market.listen(self._see)

    def __repr__(self) -> str:
        return f"PaperAccount({self.name!r})"

    def get_ready(self, order: CopyOrder) -> None:
        """Nothing can be done before it is sent."""

    def send(self, order: CopyOrder) -> asyncio.Future[Acknowledged | Refused]:
        """Fill *order* on paper, as soon as the book is there."""
        return asyncio.ensure_future(self._place(order))

    async def ending(self, order: CopyOrder) -> OrderState | None:
        """Return how *order* ended, once it has; None if this run knows nothing of it."""
        known = self._orders.get(order.cl_ord_id)
        if known is None:
            return None
        state = await asyncio.shield(known.ended)
        self._orders.pop(order.cl_ord_id, None)
        return state

    def was_switched_off(self, state: OrderState) -> bool:
        """Return False: there is no switch on paper."""
        return False

    def executed(self, cl_ord_id: str) -> Decimal:
        """Return what one order has got so far on paper."""
        known = self._orders.get(cl_ord_id)
        return Decimal(0) if known is None else known.executed

    async def cancel(self, cl_ord_id: str) -> None:
        """Close one order on paper."""
        await self.cancel_all_copies([cl_ord_id])

    async def cancel_all_copies(self, names: Collection[str]) -> None:
        """Close the orders *names* on paper."""
        for name in names:
            order = self._orders.get(name)
            if order is not None:
                self._close(order, "canceled", "user requested")

    async def amend(self, cl_ord_id: str, *, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> None:
        """Change an open order on paper.

        Raises:
            RequestRefused: it is not open.
        """
        order = self._orders.get(cl_ord_id)
        if order is None or order.ended.done():
            raise RequestRefused(f"{self.name}: amending {cl_ord_id}: {UNKNOWN_ORDER}")
        order.volume = volume
        order.limit = order.limit if limit is None else limit
        order.trigger = order.trigger if trigger is None else trigger
        if order.executed >= order.volume:
            self._close(order, "closed")

    async def balances(self) -> dict[str, Balance]:
        """Return what the account would hold, by asset key; raises `KrakenonceError` if the real one can't be read."""
        return self._wallet.over(await self.purse.balances())

    async def close(self) -> None:
        """Take no more prices in."""
        self._market.forget(self._see)

    async def _place(self, order: CopyOrder) -> Acknowledged | Refused:
        try:
            book = await self._market.book(order.line.pair)
        except KrakenonceError as error:
            raise TryLater(f"the book of {order.line.pair} can't be read: {error}") from error
        paper = self._taken_in(order, book)
        if isinstance(paper, Refused):
            return paper
        return Acknowledged(paper.txid, self._clock.wall_ns())

    def _taken_in(self, order: CopyOrder, book: PaperBook) -> PaperOrder | Refused:
        rules = self._rules.get(order.line.pair)
        if rules is None:
            return _refusal("EQuery:Unknown asset pair")
        paper = PaperOrder(order, rules, self._clock.wall_ns(), order.volume, order.limit, order.trigger)
        self._orders[order.cl_ord_id] = paper
        self._book(paper, paper.meet(book))
        if paper.executed >= paper.volume:
            self._close(paper, "closed")
        elif not paper.rests:
            self._close(paper, "canceled", NO_COUNTERPART)
        return paper

    def _see(self, prices: Mapping[str, Decimal]) -> None:
        for paper in [one for one in self._orders.values() if not one.ended.done()]:
            price = prices.get(paper.rules.key)
            if price is not None:
                self._book(paper, paper.see(price))
                if paper.executed >= paper.volume:
                    self._close(paper, "closed")

    def _book(self, paper: PaperOrder, got: Taken) -> None:
        if got.volume:
            # The fee is that of the whole order, so that rounding does not depend on how many parts it came in.
            before = paper.fee(subtract(paper.cost, got.cost), self._fee_rate)
            fee = subtract(paper.fee(paper.cost, self._fee_rate), before)
            self._wallet.book(paper.rules, paper.order.side, got.volume, got.cost, fee)

    def _close(self, paper: PaperOrder, status: str, reason: str = "") -> None:
        if not paper.ended.done():
            paper.ended.set_result(paper.state(status, self._fee_rate, reason))


class MadePurse:
    """Balances that nobody has: what a simulated user begins with.

    Parameters:
        amounts: by asset key.
    """

    def __init__(self, amounts: Mapping[str, Decimal]) -> None:
        self._balances = {asset: Balance(asset, amount, amount * 0, amount) for asset, amount in amounts.items()}

    async def balances(self) -> dict[str, Balance]:
        """Return them."""
        return dict(self._balances)


def _refusal(error: str) -> Refused:
    outcome = judge_errors((error,))
    if isinstance(outcome, Unknown):
        raise TryLater(error)
    return outcome
