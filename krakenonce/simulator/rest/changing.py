"""Private endpoints that change open orders: AmendOrder, and the older EditOrder."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.amendments import Changes
from krakenonce.simulator.orders import Amendment
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.deadlines import check_deadline
from krakenonce.simulator.rest.formats import price_text, volume_text
from krakenonce.simulator.rest.tickets import PriceReader
from krakenonce.simulator.rest.trading import described

if TYPE_CHECKING:
    from krakenonce.simulator.orders import Order
    from krakenonce.simulator.rest.account import Caller


def amend_order(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer AmendOrder."""
    order = _order_of(caller, arguments)
    check_deadline(caller, arguments)
    changes = Changes(
        volume=arguments.decimal("order_qty"),
        display_volume=arguments.decimal("display_qty"),
        limit_price=_price(caller, order, arguments, "limit_price"),
        trigger_price=_price(caller, order, arguments, "trigger_price"),
        post=arguments.flag("post_only"),
    )
    return {"amend_id": caller.exchange.desk.amend(caller.account, order, changes)}


def _order_of(caller: Caller, arguments: Arguments) -> Order:
    if "cl_ord_id" in arguments:
        return caller.exchange.desk.find_by_client_id(caller.account, arguments.text("cl_ord_id"))
    return caller.exchange.desk.find(caller.account, arguments.required("txid"))


def _price(caller: Caller, order: Order, arguments: Arguments, name: str) -> Decimal | None:
    if name not in arguments:
        return None
    return PriceReader(caller.exchange, order.pair, order.side).read(arguments, name)


def edit_order(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer EditOrder: the old order goes, a new one comes. Orders with a cl_ord_id or a close can't be edited."""
    desk = caller.exchange.desk
    order = desk.find(caller.account, arguments.required("txid"))
    if arguments.pair() is not order.pair:
        raise invalid_arguments("pair")
    if order.ticket.cl_ord_id is not None or order.ticket.close is not None:
        raise Refusal("EOrder:Invalid order")
    check_deadline(caller, arguments)
    userref = arguments.integer("userref", 0, -(2**31)) if "userref" in arguments else None
    price = _price(caller, order, arguments, "price")
    ticket = desk.edited_ticket(order, arguments.decimal("volume"), price, userref)
    row = {
        "status": "ok",
        "descr": described(ticket),
        "originaltxid": order.txid,
        "volume": volume_text(order.pair, ticket.volume),
        "price": price_text(order.pair, ticket.limit_price or Decimal(0)),
        "price2": "0",
        "newuserref": str(ticket.userref or 0),
        "olduserref": str(order.ticket.userref or 0),
        "error_message": "",
    }
    if arguments.flag("validate"):
        caller.exchange.engine.check(caller.account, ticket, replaced=order)
        return row
    return row | {"txid": desk.edit(caller.account, order, ticket).txid, "orders_cancelled": 1}


def order_amends(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer OrderAmends: the terms of an order from its entry on, oldest first."""
    order = caller.account.orders.get(arguments.required("order_id"))
    if order is None:
        raise Refusal("EOrder:Invalid order")
    ticket = order.ticket
    terms = (ticket.volume, ticket.volume, ticket.limit_price, ticket.trigger_price, ticket.display_volume)
    original = Amendment(order.txid.replace("O", "T", 1), order.opened_ns, *terms, ticket.post)
    rows = [_amend_row(order, original, "original"), *(_amend_row(order, row, "user") for row in order.amendments)]
    return {"count": len(rows), "amends": rows}


def _amend_row(order: Order, amendment: Amendment, kind: str) -> dict[str, Any]:
    pair = order.pair
    volumes = {
        "order_qty": amendment.volume,
        "remaining_qty": amendment.remaining,
        "display_qty": amendment.display_volume,
    }
    prices = {"limit_price": amendment.limit_price, "trigger_price": amendment.trigger_price}
    return (
        {"amend_id": amendment.amend_id, "amend_type": kind, "post_only": amendment.post}
        | {name: volume_text(pair, volume) for name, volume in volumes.items() if volume is not None}
        | {name: price_text(pair, price) for name, price in prices.items() if price is not None}
        | {"timestamp": amendment.time_ns}
    )
