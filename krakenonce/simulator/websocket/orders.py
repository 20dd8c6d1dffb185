"""From the params of add_order to a ticket: https://docs.kraken.com/api/docs/websocket-v2/add_order."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND, parse_rfc3339
from krakenonce.simulator.matching import Trail
from krakenonce.simulator.orders import LIMIT_TYPES, TRIGGERED_TYPES, CloseTerms, Side, Ticket
from krakenonce.simulator.refusals import invalid_arguments
from krakenonce.simulator.rest.tickets import MAX_EXPIRY_S, MIN_EXPIRY_S, ORDER_TYPES, client_id
from krakenonce.simulator.websocket.params import Params

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.exchange import Exchange

ROW_FIELDS = frozenset(
    {
        "order_type",
        "side",
        "order_qty",
        "limit_price",
        "limit_price_type",
        "triggers",
        "time_in_force",
        "margin",
        "post_only",
        "reduce_only",
        "effective_time",
        "expire_time",
        "cl_ord_id",
        "order_userref",
        "conditional",
        "display_qty",
        "fee_preference",
        "no_mpp",
        "stp_type",
        "cash_order_qty",
        "sender_sub_id",
    }
)
TRIGGER_FIELDS = frozenset({"reference", "price", "price_type"})
CLOSE_FIELDS = frozenset({"order_type", "limit_price", "limit_price_type", "trigger_price", "trigger_price_type"})
PRICE_TYPES = ("static", "pct", "quote")
STP_TYPES = ("cancel_newest", "cancel_oldest", "cancel_both")
_LIMITED = LIMIT_TYPES | {"stop-loss-limit", "take-profit-limit"}


def read_order(exchange: Exchange, params: Params, pair: Pair) -> Ticket:
    """Return the order that *params* describe.

    Raises:
        Refusal: a field is missing, of the wrong type or value, or does not go with another.
    """
    ordertype = params.choice("order_type", ORDER_TYPES)
    side: Side = "buy" if params.choice("side", ("buy", "sell")) == "buy" else "sell"
    triggers = _triggers(params, ordertype)
    cash = _cash(params, ordertype, side)
    last = exchange.market(pair).last
    tif = _time_in_force(params, ordertype)
    return Ticket(
        pair=pair,
        side=side,
        ordertype=ordertype,
        volume=_volume(params) if cash is None else cash,
        limit_price=read_price(params, "limit_price", pair, last) if ordertype in _LIMITED else None,
        trigger_price=_trigger_price(triggers, ordertype, pair, last),
        trail=_trail(triggers, "price", "price_type") if ordertype.startswith("trailing-stop") else None,
        limit_offset=_trail(params, "limit_price", "limit_price_type") if ordertype == "trailing-stop-limit" else None,
        post=_post(params, ordertype, tif),
        fee_in_base=params.choice("fee_preference", ("base", "quote"), "quote") == "base",
        in_quote=cash is not None,
        no_protection=_no_protection(params, ordertype),
        tif=tif,
        start_ns=_start(params, exchange.now),
        expire_ns=_expiry(params, exchange.now, tif),
        userref=_userref(params),
        cl_ord_id=_client_id(params, exchange),
        leverage=max(pair.leverage, default=2) if params.flag("margin") else 0,
        reduce_only=params.flag("reduce_only"),
        stp=params.choice("stp_type", STP_TYPES, "cancel_newest").replace("_", "-"),
        close=_close(params, pair, last),
        display_volume=_display(params, ordertype),
        sender_sub_id=params.text("sender_sub_id", limit=64) or None,
    )


def read_price(params: Params, name: str, pair: Pair, last: Decimal) -> Decimal:
    """Return a price, which ``<name>_type`` may say to be a percentage or an amount to be added to the last price."""
    kind = params.choice(f"{name}_type", PRICE_TYPES, "static")
    number = params.signed(name)
    if number is None:
        raise invalid_arguments(name)
    price = number if kind == "static" else last + (last * number / 100 if kind == "pct" else number)
    if kind != "static":
        price = price.quantize(pair.tick, rounding=ROUND_HALF_EVEN)
    if price <= 0:
        raise invalid_arguments(name)
    return price


def read_moment(params: Params, name: str) -> int:
    """Return a moment given in RFC 3339, in nanoseconds; 0 if it is not there."""
    text = params.text(name)
    if not text:
        return 0
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise invalid_arguments(name) from None


def _client_id(params: Params, exchange: Exchange) -> str | None:
    if "cl_ord_id" in params and "order_userref" in params:
        raise invalid_arguments("cl_ord_id")
    return client_id(params, strict=exchange.settings.strict_client_ids)


def _userref(params: Params) -> int | None:
    return params.integer("order_userref", 0, -(2**31)) if "order_userref" in params else None


def _volume(params: Params) -> Decimal:
    volume = params.decimal("order_qty")
    if not volume:
        raise invalid_arguments("order_qty")
    return volume


def _cash(params: Params, ordertype: str, side: Side) -> Decimal | None:
    cash = params.decimal("cash_order_qty")
    if cash is None:
        return None
    if not cash or ordertype != "market" or side != "buy" or "order_qty" in params:
        raise invalid_arguments("cash_order_qty")
    return cash


def _display(params: Params, ordertype: str) -> Decimal | None:
    shown, volume = params.decimal("display_qty"), params.decimal("order_qty")
    if ordertype != "iceberg":
        if shown is not None:
            raise invalid_arguments("display_qty")
        return None
    if shown is None or volume is None or not volume / 15 <= shown <= volume:
        raise invalid_arguments("display_qty")
    return shown


def _time_in_force(params: Params, ordertype: str) -> str:
    tif = params.text("time_in_force", "gtc").upper()
    if tif not in ("GTC", "GTD", "IOC", "FOK") or (tif == "FOK" and ordertype != "limit"):
        raise invalid_arguments("time_in_force")
    return tif


def _post(params: Params, ordertype: str, tif: str) -> bool:
    post = params.flag("post_only")
    if post and (ordertype not in LIMIT_TYPES or tif in ("IOC", "FOK")):
        raise invalid_arguments("post_only")
    return post


def _no_protection(params: Params, ordertype: str) -> bool:
    unprotected = params.flag("no_mpp")
    if unprotected and ordertype != "market":
        raise invalid_arguments("no_mpp order option is only available when ordertype = market")
    return unprotected


def _start(params: Params, now_ns: int) -> int:
    start_ns = read_moment(params, "effective_time")
    if start_ns > now_ns + MAX_EXPIRY_S * NS_PER_SECOND:
        raise invalid_arguments("effective_time")
    return start_ns if start_ns > now_ns else 0


def _expiry(params: Params, now_ns: int, tif: str) -> int:
    expire_ns = read_moment(params, "expire_time")
    span_s = (expire_ns - now_ns) / NS_PER_SECOND
    if (tif == "GTD") != bool(expire_ns) or (expire_ns and not MIN_EXPIRY_S <= span_s <= MAX_EXPIRY_S):
        raise invalid_arguments("expire_time")
    return expire_ns


def _triggers(params: Params, ordertype: str) -> Params | None:
    triggers = params.nested("triggers", TRIGGER_FIELDS)
    if (triggers is None) == (ordertype in TRIGGERED_TYPES):
        raise invalid_arguments("triggers")
    if triggers is not None and triggers.choice("reference", ("last", "index"), "last") == "index":
        raise invalid_arguments("Index unavailable")
    return triggers


def _trigger_price(triggers: Params | None, ordertype: str, pair: Pair, last: Decimal) -> Decimal | None:
    if triggers is None or ordertype.startswith("trailing-stop"):
        return None
    return read_price(triggers, "price", pair, last)


def _trail(params: Params | None, name: str, kind: str) -> Trail:
    """Return a distance; here the only kinds are a percentage and an amount."""
    if params is None:
        raise invalid_arguments("triggers")
    percent = params.choice(kind, ("pct", "quote"), "quote") == "pct"
    amount = params.signed(name)
    if not amount:
        raise invalid_arguments(name)
    return Trail(abs(amount), percent=percent)


def _close(params: Params, pair: Pair, last: Decimal) -> CloseTerms | None:
    terms = params.nested("conditional", CLOSE_FIELDS)
    if terms is None:
        return None
    ordertype = terms.choice("order_type", _LIMITED | {"stop-loss", "take-profit"})
    if "cl_ord_id" in params:
        raise invalid_arguments("conditional")
    limited = ordertype in _LIMITED
    return CloseTerms(
        ordertype=ordertype,
        limit_price=read_price(terms, "limit_price", pair, last) if limited else None,
        trigger_price=None if ordertype in LIMIT_TYPES else read_price(terms, "trigger_price", pair, last),
    )
