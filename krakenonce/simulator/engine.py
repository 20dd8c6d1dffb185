"""The matching engine: takes orders, matches them, lets them rest, cancels them."""

from __future__ import annotations

import logging
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from krakenonce.simulator import checks, triggers
from krakenonce.simulator.events import BookChanged, Events, OrderEvent
from krakenonce.simulator.execution import Execution
from krakenonce.simulator.matching import Plan, plan_for
from krakenonce.simulator.orders import CloseTerms, Order, Ticket, closing_ticket
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.market import Market
    from krakenonce.simulator.settlement import Settlement

logger = logging.getLogger("krakenonce.simulator")


class Engine:
    """One thread's matching engine. Every public method leaves money, books and histories consistent."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._events: Events = exchange.events
        self._settlement: Settlement = exchange.settlement
        self.execution = Execution(exchange, self._close)
        self.ranks = count(1)

    def check(self, account: Account, ticket: Ticket, replaced: Order | None = None) -> Plan:
        """Look at *ticket* as if it were placed now; return what it would get at once.

        Parameters:
            replaced: the open order that will make room for it, and whose reservation it may spend.

        Raises:
            Refusal: the order would be refused.
        """
        settings = self._exchange.settings
        market = self._exchange.market(ticket.pair)
        checks.check_market_open(self._exchange.market_state, ticket)
        checks.check_margin(ticket, settings)
        self._exchange.margin.check_reducing(account, ticket)
        checks.check_prices(ticket)
        checks.check_volume(ticket, settings, self.reference_price(market, ticket))
        checks.check_client_id(account, ticket.cl_ord_id)
        checks.check_open_orders(account, ticket.pair, self._exchange.tier, replaced)
        draft = self._draft(account, ticket, "")
        if replaced is not None:
            draft.held = replaced.held
        plan = self.plan(draft)
        if ticket.post and plan.matches:
            raise Refusal("EOrder:Post only order")
        self.check_funds(draft, plan)
        return plan

    def place(self, account: Account, ticket: Ticket, parent: str | None = None) -> Order:
        """Take an order. It is matched at once, as far as it can be, then rests or ends.

        Raises:
            Refusal: the order is refused and nothing has changed.
        """
        self.check(account, ticket)
        order = self._draft(account, ticket, self._exchange.mint.transaction("O"))
        order.parent = parent
        account.orders[order.txid] = order
        account.open_orders[order.txid] = order
        self.tell("pending_new", order)
        self.tell("new", order)
        self._settlement.reserve(order)
        self._schedule(order)
        if order.status == "open":
            self.activate(order)
        return order

    def activate(self, order: Order) -> None:
        """Put an order to work: match it, or let it wait for its trigger."""
        order.status = "open"
        market = self._exchange.market(order.pair)
        if order.waits_for_trigger:
            triggers.follow(order, market.last)
            self._settlement.reserve(order)
            market.waiting.append(order)
        else:
            self.match(market, order)
        self.pull_triggers(market)

    def cancel(self, order: Order, reason: str, status: str = "canceled") -> None:
        """End an open order. *status* is ``canceled`` or ``expired``; *reason* is shown to the client."""
        self.leave(order)
        order.reason = reason
        self._close(order, status)
        self.tell(status, order, reason)
        self._events.tell(BookChanged(order.pair))

    def pull_triggers(self, market: Market) -> None:
        """Let trailing stops follow the last price and fire what it sets off, until nothing more happens."""
        while any(self._pull(market, order) for order in list(market.waiting)):
            pass

    def reference_price(self, market: Market, ticket: Ticket) -> Decimal:
        """Return the price at which the cost of *ticket* is judged: its own, or the market's best."""
        own = ticket.limit_price if ticket.limit_price is not None else ticket.trigger_price
        return own or market.best("sell" if ticket.side == "buy" else "buy")

    def check_funds(self, order: Order, plan: Plan) -> None:
        """Refuse what the account can't pay. An order that exists already may spend what it holds.

        Raises:
            Refusal: ``EOrder:Insufficient funds``.
        """
        if order.ticket.leverage:
            self._exchange.margin.check(order, plan)
            return
        asset, needed = order.amount_to_hold()
        if order.side == "buy" and order.limit_price is None and not order.waits_for_trigger:
            needed = plan.cost * (1 if order.ticket.fee_in_base else 1 + order.fee_rate)
        if order.waits_for_trigger and not self._exchange.settings.stop_orders_hold:
            needed = Decimal(0)
        if needed > order.account.wallet.available(asset) + order.held:
            raise Refusal("EOrder:Insufficient funds")

    def _draft(self, account: Account, ticket: Ticket, txid: str) -> Order:
        now_ns = self._exchange.now
        market = self._exchange.market(ticket.pair)
        order = Order(
            txid,
            account,
            ticket,
            opened_ns=now_ns,
            touched_ns=now_ns,
            fee_rate=self._settlement.fee_rate(market, account, maker=False),
            rank=next(self.ranks),
            volume=ticket.volume,
            limit_price=ticket.limit_price,
            trigger_price=ticket.trigger_price,
            display_volume=ticket.display_volume,
            post=ticket.post,
            status="pending" if ticket.start_ns > now_ns else "open",
        )
        triggers.follow(order, market.last)
        return order

    def plan(self, order: Order) -> Plan:
        """Return what *order* would get if it were matched now."""
        if order.waits_for_trigger or order.status == "pending":
            return Plan(())
        return plan_for(order, self._exchange.market(order.pair).against(order.side).offers())

    def _schedule(self, order: Order) -> None:
        agenda = self._exchange.agenda
        if order.status == "pending":
            order.timers.append(agenda.at(order.ticket.start_ns, lambda: self._start(order)))
        if order.ticket.expire_ns:
            order.timers.append(agenda.at(order.ticket.expire_ns, lambda: self._expire(order)))

    def _start(self, order: Order) -> None:
        order.status = "open"
        if self._can_pay(order):
            self.activate(order)

    def _can_pay(self, order: Order) -> bool:
        """Return whether the account can still pay; the order is canceled if not."""
        try:
            self.check_funds(order, self.plan(order))
        except Refusal as refusal:
            self.cancel(order, refusal.error.partition(":")[2])
            return False
        return True

    def _follow_up(self, order: Order, close: CloseTerms) -> None:
        """Place the conditional close of an order that has filled."""
        try:
            self.place(order.account, closing_ticket(order, close), parent=order.txid)
        except Refusal as refusal:
            logger.info("the conditional close of %s is refused: %s", order.txid, refusal.error)

    def _expire(self, order: Order) -> None:
        self.cancel(order, "Order expired", "expired")

    def _pull(self, market: Market, order: Order) -> bool:
        """Move the trigger of one waiting order, and fire it if the price says so. Returns whether it fired."""
        if not order.is_open:
            return False
        if triggers.follow(order, market.last):
            self.tell("status", order)
        if not triggers.fires(order, market.last):
            return False
        market.waiting.remove(order)
        order.triggered = True
        order.limit_price = triggers.limit_after_trigger(order)
        self.tell("status", order)
        if self._can_pay(order):
            self.match(market, order)
        return True

    def match(self, market: Market, order: Order) -> None:
        """Match an order as far as it can be; the rest of it rests or ends."""
        plan = self.plan(order)
        if order.ticket.tif == "FOK" and plan.volume < order.remaining:
            self.cancel(order, "Fill or kill")
            return
        for match in plan.matches:
            self.execution.take(market, order, match)
        if order.is_open:
            self._after_matching(market, order, plan)
        self._events.tell(BookChanged(order.pair))

    def _after_matching(self, market: Market, order: Order, plan: Plan) -> None:
        if plan.own is not None:
            self._prevent_self_trade(market, order, plan.own)
        elif order.limit_price is None:
            self.cancel(order, "Market order could not be filled in full")
        elif order.ticket.tif == "IOC":
            self.cancel(order, "Immediate or cancel")
        else:
            market.side(order.side).add(order)
            self._settlement.reserve(order)

    def _prevent_self_trade(self, market: Market, newest: Order, oldest: Order) -> None:
        rule = newest.ticket.stp
        if rule != "cancel-newest":
            self.cancel(oldest, "Self trade prevention")
        if rule == "cancel-oldest":
            self.match(market, newest)
        else:
            self.cancel(newest, "Self trade prevention")

    def leave(self, order: Order) -> None:
        """Take an open order out of the book, or from among those that wait for a price."""
        market = self._exchange.market(order.pair)
        if order in market.waiting:
            market.waiting.remove(order)
        elif order.limit_price is not None:
            market.side(order.side).remove(order)

    def _close(self, order: Order, status: str) -> None:
        order.status = status
        order.closed_ns = self._exchange.now
        order.account.open_orders.pop(order.txid, None)
        self._settlement.reserve(order)
        for timer in order.timers:
            timer.call_off()
        close = order.ticket.close
        if status == "closed" and close is not None:
            self._exchange.agenda.at(self._exchange.now, lambda: self._follow_up(order, close))

    def tell(self, kind: str, order: Order, reason: str | None = None) -> None:
        """Tell listeners of a step in an order's life."""
        self._events.tell(OrderEvent(kind, order, self._exchange.now, reason=reason))
