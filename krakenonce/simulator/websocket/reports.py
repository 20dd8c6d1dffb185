"""Execution reports: which fields each kind of report has. https://docs.kraken.com/api/docs/websocket-v2/executions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.orders import TRIGGERED_TYPES
from krakenonce.simulator.prices import EUR_IN_USD
from krakenonce.simulator.websocket.frames import cost, price, quantity, stamp

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.events import OrderEvent
    from krakenonce.simulator.orders import Order, Trade

ZERO = Decimal(0)
_REASONS = {"amended": "User requested", "restated": "Engine requested"}


def report_event(event: OrderEvent) -> dict[str, Any]:
    """Return the report of one step in an order's life; its order must still be in the state the event tells of."""
    order, kind = event.order, event.kind
    if event.trade is not None:
        return report_trade(event.trade, order.filled, order.cost, order.fee, "partially_filled")
    if kind == "pending_new":
        return _whole(order) | {"exec_type": kind, "order_status": kind, "timestamp": stamp(event.time_ns)}
    head = {"timestamp": stamp(event.time_ns), "order_status": _status(order, kind), "exec_type": kind}
    if kind == "new":
        return head | _ids(order)
    if kind in ("filled", "canceled", "expired"):
        reasons = {"cancel_reason": event.reason, "reason": event.reason} if event.reason else {}
        return head | _ids(order) | _totals(order) | reasons
    if kind == "iceberg_refill":
        return head | _ids(order) | _display(order)
    reason = event.reason or _REASONS.get(kind)
    return _whole(order) | head | _totals(order) | ({"reason": reason} if reason else {})


def report_open(order: Order, now_ns: int) -> dict[str, Any]:
    """Return the report of an open order in a snapshot. Stops that wait for a price show as pending_new there."""
    waits = order.status == "pending" or order.waits_for_trigger
    kind = "pending_new" if waits else "new"
    state = {"exec_type": kind, "order_status": _status(order, kind), "timestamp": stamp(order.touched_ns or now_ns)}
    return _whole(order) | _totals(order) | state


def report_past(trade: Trade) -> dict[str, Any]:
    """Return the report of a trade in a snapshot, with the order's totals as they were after it."""
    filled = paid = fee = ZERO
    for earlier in trade.order.trades:
        filled, paid, fee = filled + earlier.volume, paid + earlier.cost, fee + earlier.fee
        if earlier is trade:
            break
    return report_trade(trade, filled, paid, fee, _status(trade.order, "trade"))


def report_trade(trade: Trade, filled: Decimal, paid: Decimal, fee: Decimal, status: str) -> dict[str, Any]:
    """Return the report of a trade; *filled*, *paid* and *fee* are its order's totals right after it."""
    order, pair = trade.order, trade.order.pair
    return (
        _ids(order)
        | {
            "exec_id": trade.txid,
            "exec_type": "trade",
            "trade_id": trade.trade_id,
            "symbol": pair.symbol,
            "side": order.side,
            "last_qty": quantity(pair, trade.volume),
            "last_price": price(pair, trade.price),
            "liquidity_ind": "m" if trade.maker else "t",
            "cost": cost(pair, trade.cost),
            "order_type": order.ticket.ordertype,
            "timestamp": stamp(trade.time_ns),
            "order_status": status,
            "cum_qty": quantity(pair, filled),
            "cum_cost": cost(pair, paid),
            "avg_price": price(pair, paid / filled if filled else ZERO),
            "fee_usd_equiv": cost(pair, _in_usd(pair, fee)),
            "fees": [{"asset": pair.quote.symbol, "qty": cost(pair, trade.fee)}],
        }
        | _borrowing(trade)
    )


def _borrowing(trade: Trade) -> dict[str, Any]:
    if not trade.order.ticket.leverage:
        return {}
    left = trade.position in trade.order.account.positions
    status = ("closing" if left else "closed") if trade.closing else "opened"
    return {"margin_borrow": True, "position_status": status}


def _ids(order: Order) -> dict[str, Any]:
    if order.ticket.cl_ord_id is not None:
        return {"order_id": order.txid, "cl_ord_id": order.ticket.cl_ord_id}
    return {"order_id": order.txid, "order_userref": order.ticket.userref or 0}


def _status(order: Order, kind: str) -> str:
    if kind in ("pending_new", "filled", "canceled", "expired"):
        return kind
    if order.status in ("closed", "canceled", "expired"):
        return "filled" if order.status == "closed" else order.status
    return "partially_filled" if order.filled else "new"


def _totals(order: Order) -> dict[str, Any]:
    pair = order.pair
    return {
        "cum_qty": quantity(pair, order.filled),
        "cum_cost": cost(pair, order.cost),
        "avg_price": price(pair, order.average_price),
        "fee_usd_equiv": cost(pair, _in_usd(pair, order.fee)),
    }


def _whole(order: Order) -> dict[str, Any]:
    """Return everything that describes the order itself."""
    ticket, pair = order.ticket, order.pair
    row = _ids(order) | {"order_userref": ticket.userref or 0, "symbol": pair.symbol}
    row["cash_order_qty" if ticket.in_quote else "order_qty"] = quantity(pair, order.volume)
    row |= {"cum_cost": cost(pair, order.cost), "time_in_force": ticket.tif, "side": order.side}
    row |= {"order_type": ticket.ordertype} | _prices(order) | _display(order)
    row |= {"fee_usd_equiv": cost(pair, _in_usd(pair, order.fee))}
    row |= {"fee_ccy_pref": "fcib" if ticket.fee_in_base else "fciq"}
    return row | _options(order)


def _prices(order: Order) -> dict[str, Any]:
    pair, ticket = order.pair, order.ticket
    row: dict[str, Any] = {}
    if ticket.limit_offset is not None and order.limit_price is None:
        kind = "pct" if ticket.limit_offset.percent else "quote"
        row |= {"limit_price_type": kind, "limit_price": ticket.limit_offset.amount}
    elif order.limit_price is not None:
        row |= {"limit_price_type": "static", "limit_price": price(pair, order.limit_price)}
    row["stop_price"] = price(pair, order.trigger_price or ZERO)
    return row | ({"triggers": _triggers(order)} if ticket.ordertype in TRIGGERED_TYPES else {})


def _triggers(order: Order) -> dict[str, Any]:
    pair, ticket = order.pair, order.ticket
    row: dict[str, Any] = {"reference": ticket.trigger_by}
    if ticket.trail is None:
        row |= {"price": price(pair, order.trigger_price or ZERO), "price_type": "static"}
    else:
        row |= {"price": ticket.trail.amount, "price_type": "pct" if ticket.trail.percent else "quote"}
        row["actual_price"] = price(pair, order.trigger_price or ZERO)
        if order.peak is not None:
            row["peak_price"] = price(pair, order.peak)
    return row | {"status": "triggered" if order.triggered else "untriggered"}


def _display(order: Order) -> dict[str, Any]:
    shown = order.display_volume
    if not shown:
        return {}
    left = min(shown - order.filled % shown, order.remaining)
    return {"display_qty": quantity(order.pair, shown), "display_qty_remain": quantity(order.pair, left)}


def _options(order: Order) -> dict[str, Any]:
    """Return the fields that are only there where they say something."""
    ticket = order.ticket
    fields = (
        ("post_only", order.post),
        ("reduce_only", ticket.reduce_only),
        ("margin", ticket.leverage > 0),
        ("no_mpp", ticket.no_protection),
        ("amended", order.amended),
        ("effective_time", stamp(ticket.start_ns) if ticket.start_ns else ""),
        ("expire_time", stamp(ticket.expire_ns) if ticket.expire_ns else ""),
        ("sender_sub_id", ticket.sender_sub_id),
        ("ord_ref_id", order.parent),
        ("contingent", _contingent(order)),
    )
    return {name: value for name, value in fields if value}


def _contingent(order: Order) -> dict[str, Any]:
    close = order.ticket.close
    if close is None:
        return {}
    row: dict[str, Any] = {"order_type": close.ordertype}
    for name, value in (("trigger_price", close.trigger_price), ("limit_price", close.limit_price)):
        if value is not None:
            row |= {name: price(order.pair, value), f"{name}_type": "static"}
    return row


def _in_usd(pair: Pair, amount: Decimal) -> Decimal:
    return amount * EUR_IN_USD if pair.quote.symbol == "EUR" else amount
