"""The order desk: what clients may ask for, the same over REST and WebSocket, with its engine charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.limits import engine_cost
from krakenonce.simulator import checks
from krakenonce.simulator.amendments import Amendments, Changes
from krakenonce.simulator.counters import EngineCounters
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.agenda import Appointment
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.orders import Order, Ticket

USER_REQUESTED = "User requested"


class OrderDesk:
    """Takes, changes and cancels orders for accounts. Belongs to the exchange's thread.

    Charges: https://docs.kraken.com/api/docs/guides/spot-ratelimits. The fixed part is due even if the order is
    refused.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._amendments = Amendments(exchange)
        self.counters = EngineCounters(exchange.tier)
        self._switches: dict[str, Appointment] = {}

    def validate(self, account: Account, ticket: Ticket) -> None:
        """Check an order without placing it."""
        self._charge(account, ticket.pair.key, "add")
        self._exchange.engine.check(account, ticket)

    def add(self, account: Account, ticket: Ticket) -> Order:
        """Place an order."""
        self._charge(account, ticket.pair.key, "add")
        return self._exchange.engine.place(account, ticket)

    def add_batch(self, account: Account, tickets: Sequence[Ticket]) -> list[Order | Refusal]:
        """Place the orders of one pair: each row is an order, or the refusal for its lack of funds.

        Raises:
            Refusal: a row is wrong in itself; then none is placed.
        """
        self.check_batch(account, tickets)
        return [self._place_row(account, ticket) for ticket in tickets]

    def check_batch(self, account: Account, tickets: Sequence[Ticket]) -> None:
        """Check every row of a batch, except for the money it needs."""
        self.counters.charge(account.name, tickets[0].pair.key, len(tickets) / 2, self._exchange.now)
        ids = [ticket.cl_ord_id for ticket in tickets if ticket.cl_ord_id is not None]
        if len(ids) != len(set(ids)):
            raise Refusal("EGeneral:Invalid arguments:cl_ord_id not unique")
        for ticket in tickets:
            try:
                self._exchange.engine.check(account, ticket)
            except Refusal as refusal:
                if not _is_per_row(refusal):
                    raise

    def amend(self, account: Account, order: Order, changes: Changes) -> str:
        """Amend an open order and return the amendment's id."""
        checks.check_market_open(self._exchange.market_state, order.ticket)
        self._charge(account, order.pair.key, "amend", order)
        return self._amendments.amend(order, changes)

    def edit(self, account: Account, order: Order, ticket: Ticket) -> Order:
        """Cancel *order* and place *ticket* in its stead; if that is refused, the order stays."""
        self._charge(account, order.pair.key, "edit", order)
        self._exchange.engine.check(account, ticket, replaced=order)
        self._exchange.engine.cancel(order, USER_REQUESTED)
        return self._exchange.engine.place(account, ticket)

    def cancel(self, account: Account, order: Order) -> None:
        """Cancel an open order."""
        checks.check_market_open(self._exchange.market_state, None)
        self._charge(account, order.pair.key, "cancel", order)
        self._exchange.engine.cancel(order, USER_REQUESTED)

    def cancel_batch(self, account: Account, orders: Sequence[Order]) -> int:
        """Cancel several orders; the charge may overshoot the limit. Returns how many there were."""
        checks.check_market_open(self._exchange.market_state, None)
        for order in orders:
            cost = engine_cost("cancel", self._exchange.now - order.touched_ns)
            self.counters.charge(account.name, order.pair.key, cost, self._exchange.now, must_fit=False)
            self._exchange.engine.cancel(order, USER_REQUESTED)
        return len(orders)

    def cancel_all(self, account: Account, reason: str = USER_REQUESTED) -> int:
        """Cancel every open order of the account. Returns how many there were."""
        checks.check_market_open(self._exchange.market_state, None)
        orders = list(account.open_orders.values())
        for pair in {order.pair.key for order in orders}:
            self.counters.charge(account.name, pair, 1, self._exchange.now, must_fit=False)
        for order in orders:
            if order.is_open:
                self._exchange.engine.cancel(order, reason)
        return len(orders)

    def cancel_all_after(self, account: Account, timeout_s: int) -> int:
        """Arm the dead man's switch, or disarm it with 0. Returns when it fires, in nanoseconds, or 0."""
        switch = self._switches.pop(account.name, None)
        if switch is not None:
            switch.call_off()
        if not timeout_s:
            return 0
        due_ns = self._exchange.now + timeout_s * NS_PER_SECOND
        self._switches[account.name] = self._exchange.agenda.at(due_ns, lambda: self._fire(account))
        return due_ns

    def find(self, account: Account, txid: str) -> Order:
        """Return the account's open order *txid*.

        Raises:
            Refusal: the id was never given to this account, or the order has ended.
        """
        order = account.orders.get(txid)
        if order is None:
            raise Refusal("EOrder:Invalid order")
        if not order.is_open:
            raise Refusal(self._exchange.settings.gone_order_error)
        return order

    def find_by_client_id(self, account: Account, cl_ord_id: str) -> Order:
        """Return the account's open order with this cl_ord_id, or raise as find() does."""
        order = account.open_by_client_id(cl_ord_id)
        if order is not None:
            return order
        was_there = any(order.ticket.cl_ord_id == cl_ord_id for order in account.orders.values())
        raise Refusal(self._exchange.settings.gone_order_error if was_there else "EOrder:Invalid order")

    def edited_ticket(self, order: Order, volume: Decimal | None, price: Decimal | None, userref: int | None) -> Ticket:
        """Return the ticket of an edited order: the old one's, with what was given put in its place."""
        ticket = order.ticket
        return replace(
            ticket,
            volume=order.remaining if volume is None else volume,
            limit_price=order.limit_price if price is None else price,
            userref=ticket.userref if userref is None else userref,
        )

    def _place_row(self, account: Account, ticket: Ticket) -> Order | Refusal:
        try:
            return self._exchange.engine.place(account, ticket)
        except Refusal as refusal:
            return refusal

    def _charge(self, account: Account, pair: str, transaction: str, order: Order | None = None) -> None:
        age_ns = None if order is None else self._exchange.now - order.touched_ns
        cost = engine_cost(transaction, age_ns)
        self.counters.charge(account.name, pair, cost, self._exchange.now)

    def _fire(self, account: Account) -> None:
        self._switches.pop(account.name, None)
        for order in list(account.open_orders.values()):
            self._exchange.engine.cancel(order, "Cancel all orders after timeout")


def _is_per_row(refusal: Refusal) -> bool:
    return refusal.error in ("EOrder:Insufficient funds", "EOrder:Post only order")
