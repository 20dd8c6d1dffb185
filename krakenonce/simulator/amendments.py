"""Changing an order that is open: in place (amend), or by a new one in its stead (edit)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator import checks
from krakenonce.simulator.events import BookChanged
from krakenonce.simulator.orders import Amendment, Order
from krakenonce.simulator.refusals import Refusal, invalid_arguments

if TYPE_CHECKING:
    from krakenonce.simulator.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an amendment changes; None leaves a field as it is. *volume* is the new total, filled part included."""

    volume: Decimal | None = None
    display_volume: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    post: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is changed at all."""
        return all(v is None for v in (self.volume, self.display_volume, self.limit_price, self.trigger_price))


class Amendments:
    """Amends open orders. Ids stay; the place in the queue is kept if only the volume shrinks.

    https://docs.kraken.com/api/docs/rest-api/amend-order
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def amend(self, order: Order, changes: Changes) -> str:
        """Change *order* and return the amendment's id.

        Raises:
            Refusal: the order stays as it was.
        """
        draft = self._drafted(order, changes)
        self._check(order, draft, changes)
        amend_id = self._exchange.mint.transaction("T")
        order.amendments.append(_noted(draft, amend_id, self._exchange.now))
        if draft.volume <= order.filled:
            self._exchange.engine.cancel(order, "User requested")
        else:
            self._apply(order, draft)
        return amend_id

    @staticmethod
    def _drafted(order: Order, changes: Changes) -> Order:
        def chosen(new: Decimal | None, old: Decimal | None) -> Decimal | None:
            return old if new is None else new

        return replace(
            order,
            volume=order.volume if changes.volume is None else changes.volume,
            display_volume=chosen(changes.display_volume, order.display_volume),
            limit_price=chosen(changes.limit_price, order.limit_price),
            trigger_price=chosen(changes.trigger_price, order.trigger_price),
            post=order.post or changes.post,
        )

    def _check(self, order: Order, draft: Order, changes: Changes) -> None:
        if changes.is_empty:
            raise invalid_arguments()
        if changes.limit_price is not None and order.limit_price is None:
            raise Refusal("EOrder:Invalid limit price")
        if changes.trigger_price is not None and not order.waits_for_trigger:
            raise invalid_arguments("trigger_price")
        for price in (changes.limit_price, changes.trigger_price):
            checks.check_price(order.pair, price)
        if draft.volume > order.filled:
            self._check_size(draft)

    def _check_size(self, draft: Order) -> None:
        engine, settings = self._exchange.engine, self._exchange.settings
        checks.check_decimals("order_qty", draft.volume, draft.pair.lot_decimals)
        price = draft.limit_price or draft.trigger_price or Decimal(0)
        checks.check_minimums(draft.pair, settings, draft.volume, draft.volume * price)
        plan = engine.plan(draft)
        if draft.post and plan.matches:
            raise Refusal("EOrder:Post only order")
        engine.check_funds(draft, plan)

    def _apply(self, order: Order, draft: Order) -> None:
        engine, market = self._exchange.engine, self._exchange.market(order.pair)
        keeps_place = draft.limit_price == order.limit_price and draft.volume <= order.volume
        engine.leave(order)
        order.volume, order.limit_price, order.trigger_price = draft.volume, draft.limit_price, draft.trigger_price
        order.display_volume, order.post = draft.display_volume, draft.post
        order.amended, order.touched_ns = True, self._exchange.now
        if not keeps_place:
            order.rank = next(engine.ranks)
        engine.tell("amended", order)
        if order.status == "open":
            engine.activate(order)
        self._exchange.settlement.reserve(order)
        self._exchange.events.tell(BookChanged(market.pair))


def _noted(draft: Order, amend_id: str, now_ns: int) -> Amendment:
    return Amendment(
        amend_id,
        now_ns,
        draft.volume,
        max(Decimal(0), draft.remaining),
        draft.limit_price,
        draft.trigger_price,
        draft.display_volume,
        draft.post,
    )
