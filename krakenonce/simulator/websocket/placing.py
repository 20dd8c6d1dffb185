"""Placing and changing orders. Each method yields what is to be answered.

https://docs.kraken.com/api/docs/websocket-v2/add_order and the pages of amend_order, edit_order and batch_add.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.amendments import Changes
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.deadlines import check_deadline
from krakenonce.simulator.rest.trading import BATCH
from krakenonce.simulator.websocket.finding import Answer, find, one_order
from krakenonce.simulator.websocket.orders import ROW_FIELDS, TRIGGER_FIELDS, read_order, read_price
from krakenonce.simulator.websocket.params import Params, wrong_type

if TYPE_CHECKING:
    from decimal import Decimal

    from krakenonce.simulator.orders import Order, Ticket
    from krakenonce.simulator.rest.account import Caller

EARLIEST_DEADLINE_S = 0.5


def add_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Place one order. With ``validate`` it is only checked, and has no id."""
    ticket = read_order(caller.exchange, params, params.pair())
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    if params.flag("validate"):
        caller.exchange.desk.validate(caller.account, ticket)
        yield _placed(ticket, "")
    else:
        yield _placed(ticket, caller.exchange.desk.add(caller.account, ticket).txid)


def _placed(ticket: Ticket, order_id: str) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order_id}
    if ticket.cl_ord_id is not None:
        row["cl_ord_id"] = ticket.cl_ord_id
    if ticket.userref is not None:
        row["order_userref"] = ticket.userref
    return row


def amend_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Change an open order in place."""
    order = one_order(caller, params)
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    changes = Changes(
        volume=params.decimal("order_qty"),
        display_volume=_above_zero(params, "display_qty"),
        limit_price=_new_price(caller, order, params, "limit_price"),
        trigger_price=_new_price(caller, order, params, "trigger_price"),
        post=params.flag("post_only"),
    )
    named = {name: params.text(name) for name in ("order_id", "cl_ord_id") if name in params}
    yield {"amend_id": caller.exchange.desk.amend(caller.account, order, changes)} | named


def edit_order(caller: Caller, params: Params) -> Iterator[Answer]:
    """Put a new order in an open one's stead. Orders with a cl_ord_id or a conditional close can't be edited."""
    order = find(caller, params.required("order_id"))
    if params.pair() is not order.pair:
        raise invalid_arguments("symbol")
    if order.ticket.cl_ord_id is not None or order.ticket.close is not None:
        raise Refusal("EOrder:Invalid order")
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    desk, ticket = caller.exchange.desk, _edited(caller, order, params)
    if params.flag("validate"):
        caller.exchange.engine.check(caller.account, ticket, replaced=order)
        yield {"order_id": "", "original_order_id": order.txid}
    else:
        yield {"order_id": desk.edit(caller.account, order, ticket).txid, "original_order_id": order.txid}


def _edited(caller: Caller, order: Order, params: Params) -> Ticket:
    """Return the ticket of the new order: the old one's, with what was given put in its place."""
    userref = params.integer("order_userref", 0, -(2**31)) if "order_userref" in params else None
    volume, price = _above_zero(params, "order_qty"), _new_price(caller, order, params, "limit_price")
    changes: dict[str, Any] = {
        name: params.flag(field)
        for field, name in (("post_only", "post"), ("reduce_only", "reduce_only"))
        if field in params
    }
    if "fee_preference" in params:
        changes["fee_in_base"] = params.choice("fee_preference", ("base", "quote")) == "base"
    if "display_qty" in params:
        changes["display_volume"] = _above_zero(params, "display_qty")
    triggers = params.nested("triggers", TRIGGER_FIELDS)
    if triggers is not None:
        if order.trigger_price is None or order.ticket.trail is not None:
            raise invalid_arguments("triggers")
        changes["trigger_price"] = _new_price(caller, order, triggers, "price")
    return replace(caller.exchange.desk.edited_ticket(order, volume, price, userref), **changes)


def batch_add(caller: Caller, params: Params) -> Iterator[Answer]:
    """Place 2 to 15 orders of one pair. What lacks funds fails alone; how Kraken words that row is not documented."""
    pair = params.pair()
    rows = [_row(params, row) for row in params.array("orders", BATCH)]
    if not rows:
        raise invalid_arguments("orders")
    tickets = [read_order(caller.exchange, row, pair) for row in rows]
    check_deadline(caller, params, EARLIEST_DEADLINE_S)
    desk = caller.exchange.desk
    if params.flag("validate"):
        desk.check_batch(caller.account, tickets)
        yield [_placed(ticket, "") for ticket in tickets]
    else:
        results = desk.add_batch(caller.account, tickets)
        yield [_batch_row(ticket, result) for ticket, result in zip(tickets, results, strict=True)]


def _row(params: Params, row: Any) -> Params:
    if not isinstance(row, dict):
        raise wrong_type("orders", "array of objects")
    inner = Params(row, params.kind)
    inner.only(ROW_FIELDS)
    return inner


def _batch_row(ticket: Ticket, result: Order | Refusal) -> dict[str, Any]:
    if isinstance(result, Refusal):
        ids = {name: value for name, value in _placed(ticket, "").items() if value != ""}
        return ids | {"success": False, "error": result.error}
    return _placed(ticket, result.txid)


def _new_price(caller: Caller, order: Order, params: Params, name: str) -> Decimal | None:
    if name not in params:
        return None
    return read_price(params, name, order.pair, caller.exchange.market(order.pair).last)


def _above_zero(params: Params, name: str) -> Decimal | None:
    number = params.decimal(name)
    if number is not None and not number:
        raise invalid_arguments(name)
    return number
