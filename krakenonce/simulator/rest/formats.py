"""How REST writes numbers, times, orders and trades. Shapes: https://github.com/krakenfx/api-specs (spot-rest)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.matching import Trail
from krakenonce.simulator.orders import TRIGGERED_TYPES, Order, Ticket, Trade

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Asset, Pair


def digits(value: Decimal, decimals: int) -> str:
    """Return *value* with exactly *decimals* digits after the point, rounded half up."""
    return f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP):f}"


def price_text(pair: Pair, price: Decimal) -> str:
    """Return a price with the pair's own decimals: ``50000.0``."""
    return digits(price, pair.price_decimals)


def long_price(pair: Pair, price: Decimal) -> str:
    """Return a price with at least five decimals, as tickers and trades have it: ``50000.00000``."""
    return digits(price, max(5, pair.price_decimals))


def volume_text(pair: Pair, volume: Decimal) -> str:
    """Return a volume with the pair's lot decimals: ``0.01000000``."""
    return digits(volume, pair.lot_decimals)


def cost_text(pair: Pair, cost: Decimal) -> str:
    """Return an amount of the quote asset: ``500.00000``."""
    return digits(cost, pair.cost_decimals)


def balance_text(asset: Asset, amount: Decimal) -> str:
    """Return a balance, cut to the asset's decimals: nobody is shown more than there is."""
    return f"{amount.quantize(Decimal(1).scaleb(-asset.decimals), rounding=ROUND_DOWN):f}"


def unix(ns: int) -> float:
    """Return a moment as unix seconds with a fraction."""
    return round(ns / NS_PER_SECOND, 7)


def iso_seconds(ns: int) -> str:
    """Return a moment as ``2026-09-21T13:33:20Z``."""
    return f"{datetime.fromtimestamp(ns // NS_PER_SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def describe_ticket(ticket: Ticket) -> str:
    """Return the sentence that stands for an order: ``buy 0.01000000 XBTUSD @ limit 50000.0``."""
    return _sentence(ticket, ticket.volume, ticket.limit_price, ticket.trigger_price)


def describe_order(order: Order) -> str:
    """Return the sentence of an order as it stands now, amendments included."""
    return _sentence(order.ticket, order.volume, order.limit_price, order.trigger_price)


def describe_close(ticket: Ticket) -> str:
    """Return the sentence of the conditional close, or empty text."""
    close = ticket.close
    if close is None:
        return ""
    prices = [price_text(ticket.pair, price) for price in (close.trigger_price, close.limit_price) if price is not None]
    return f"close position @ {_join(close.ordertype, prices)}"


def _sentence(ticket: Ticket, volume: Decimal, limit: Decimal | None, trigger: Decimal | None) -> str:
    text = f"{ticket.side} {volume_text(ticket.pair, volume)} {ticket.pair.altname} @ "
    text += _join(ticket.ordertype, _price_words(ticket, limit, trigger))
    return text + (f" with {ticket.leverage}:1 leverage" if ticket.leverage else "")


def _join(ordertype: str, prices: list[str]) -> str:
    name = ordertype if ordertype == "limit" else ordertype.removesuffix("-limit").replace("-", " ")
    return " ".join([name, " -> limit ".join(prices)]) if prices else name


def _price_words(ticket: Ticket, limit: Decimal | None, trigger: Decimal | None) -> list[str]:
    if ticket.trail is not None:
        # The trigger trails at a plain distance; the limit lies behind the trigger as the side demands.
        behind = "+" if ticket.side == "buy" else "-"
        offsets = (("+", ticket.trail), (behind, ticket.limit_offset))
        return [sign + _offset_text(ticket.pair, offset) for sign, offset in offsets if offset is not None]
    return [price_text(ticket.pair, price) for price in (trigger, limit) if price is not None]


def _offset_text(pair: Pair, offset: Trail) -> str:
    return f"{digits(offset.amount, 4)}%" if offset.percent else price_text(pair, offset.amount)


def order_row(order: Order, *, trades: bool = False) -> dict[str, Any]:
    """Return an order as OpenOrders, ClosedOrders and QueryOrders show it."""
    row: dict[str, Any] = {"refid": order.parent, "userref": order.ticket.userref}
    if order.ticket.cl_ord_id is not None:
        row["cl_ord_id"] = order.ticket.cl_ord_id
    row |= _state(order) | {"descr": _description(order)} | _amounts(order)
    if order.ticket.ordertype in TRIGGERED_TYPES:
        row["trigger"] = order.ticket.trigger_by
    if order.ticket.sender_sub_id is not None:
        row["sender_sub_id"] = order.ticket.sender_sub_id
    if trades and order.trades:
        row["trades"] = [trade.txid for trade in order.trades]
    if not order.is_open:
        row |= {"reason": order.reason, "closetm": unix(order.closed_ns)}
    return row


def _state(order: Order) -> dict[str, Any]:
    ticket = order.ticket
    times = {"opentm": order.opened_ns, "starttm": ticket.start_ns, "expiretm": ticket.expire_ns}
    return {"status": order.status} | {name: unix(ns) if ns else 0 for name, ns in times.items()}


def _description(order: Order) -> dict[str, str]:
    ticket = order.ticket
    words = _price_words(ticket, order.limit_price, order.trigger_price)
    price, price2 = [*words, "0", "0"][:2]
    return {
        "pair": ticket.pair.altname,
        "type": ticket.side,
        "ordertype": ticket.ordertype,
        "price": price,
        "price2": price2,
        "leverage": f"{ticket.leverage}:1" if ticket.leverage else "none",
        "order": describe_order(order),
        "close": describe_close(ticket),
    }


def _amounts(order: Order) -> dict[str, Any]:
    pair, zero = order.pair, Decimal(0)
    triggered = order.ticket.ordertype in TRIGGERED_TYPES
    return {
        "vol": volume_text(pair, order.volume),
        "vol_exec": volume_text(pair, order.filled),
        "cost": cost_text(pair, order.cost),
        "fee": cost_text(pair, order.fee),
        "price": long_price(pair, order.average_price),
        "stopprice": long_price(pair, (order.trigger_price or zero) if triggered else zero),
        "limitprice": long_price(pair, (order.limit_price or zero) if triggered else zero),
        "misc": _misc(order),
        "oflags": _oflags(order),
    } | _margin_fields(order)


def _margin_fields(order: Order) -> dict[str, bool]:
    fields = {"margin": bool(order.ticket.leverage), "reduce_only": order.ticket.reduce_only}
    return {name: True for name, is_set in fields.items() if is_set}


def _oflags(order: Order) -> str:
    flags = [flag for flag in order.ticket.oflags.split(",") if flag != "post"]
    return ",".join(["post", *flags] if order.post else flags)


def _misc(order: Order) -> str:
    words = {
        "touched": order.triggered,
        "partial": not order.is_open and order.status != "closed" and order.filled > 0,
        "amended": order.amended,
    }
    return ",".join(word for word, holds in words.items() if holds)


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return a trade as TradesHistory and QueryTrades show it."""
    order, pair = trade.order, trade.order.pair
    ordertype = order.ticket.ordertype
    return {
        "ordertxid": order.txid,
        "postxid": trade.position or order.txid.replace("O", "T", 1),
        "pair": pair.key,
        "time": unix(trade.time_ns),
        "type": order.side,
        "ordertype": ordertype,
        "price": long_price(pair, trade.price),
        "cost": cost_text(pair, trade.cost),
        "fee": cost_text(pair, trade.fee),
        "vol": volume_text(pair, trade.volume),
        "margin": cost_text(pair, trade.cost / order.ticket.leverage if order.ticket.leverage else Decimal(0)),
        "leverage": str(order.ticket.leverage),
        "misc": "closing" if trade.closing else "",
        "trade_id": trade.trade_id,
        "maker": trade.maker,
        "aclass": "forex",
        "tradeordertype": _executed_as(order),
    } | _position_fields(trade)


def _position_fields(trade: Trade) -> dict[str, str]:
    if not trade.position or trade.closing:
        return {}
    return {"posstatus": "open" if trade.position in trade.order.account.positions else "closed"}


def _executed_as(order: Order) -> str:
    if order.ticket.ordertype not in TRIGGERED_TYPES:
        return order.ticket.ordertype
    return "limit" if order.limit_price is not None else "market"
