"""One execution report: which of its many fields count, and as what. Pure.

Which fields a report has depends on its kind; ``new``, ``filled`` and ``canceled`` name nothing but the order
(https://docs.kraken.com/api/docs/websocket-v2/executions).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from krakenonce.clock import parse_rfc3339
from krakenonce.orders.parsing import amount, text

ENDINGS = frozenset({"filled", "canceled", "expired"})
_KINDS = ENDINGS | {"pending_new", "new", "trade", "iceberg_refill", "amended", "restated", "status"}
_LONGEST_REASON = 200


class Trade(NamedTuple):
    """The trade of a report.

    Attributes:
        exec_id: the trade's id, unique for ever.
        volume: in the base asset; price, cost: in the quote asset.
        fees: what was charged, by the asset's name.
    """

    exec_id: str
    volume: Decimal
    price: Decimal
    cost: Decimal
    fees: Mapping[str, Decimal]


class Report(NamedTuple):
    """One report; what it does not tell is None or empty.

    Attributes:
        order_id: the order; cl_ord_id: its owner's name for it.
        kind: ``exec_type``; status: ``order_status``.
        moment_ns: when, by the exchange's clock.
        symbol, side, ordertype: of the order.
        volume: what it is for, in the base asset; None also if that is given in the quote asset.
        limit, trigger: its prices, in the quote asset.
        executed, cost, price: filled so far, in the base asset; what that cost and its average price.
        time_in_force: as the exchange spells it, such as ``GTC``.
        reason: why it was cancelled, changed or expired.
        trade: what was traded, if that is what it tells of.
        is_triggered: whether a stop or take-profit order has been triggered.
    """

    order_id: str
    kind: str
    status: str
    moment_ns: int
    cl_ord_id: str = ""
    symbol: str = ""
    side: str = ""
    ordertype: str = ""
    volume: Decimal | None = None
    limit: Decimal | None = None
    trigger: Decimal | None = None
    executed: Decimal | None = None
    cost: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str = ""
    reason: str = ""
    trade: Trade | None = None
    is_triggered: bool = False


def read_report(entry: Mapping[str, Any]) -> Report:
    """Return what *entry* tells.

    Raises:
        ArithmeticError, LookupError, TypeError, ValueError: it is in no documented form.
    """
    kind = text(entry["exec_type"])
    if kind not in _KINDS:
        raise ValueError("a kind of report that Kraken does not document")
    triggers = entry.get("triggers")
    return Report(
        order_id=text(entry["order_id"]),
        kind=kind,
        status=text(entry["order_status"]),
        moment_ns=parse_rfc3339(text(entry["timestamp"])),
        cl_ord_id=_word(entry.get("cl_ord_id")),
        symbol=_word(entry.get("symbol")),
        side=_side(entry.get("side")),
        ordertype=_word(entry.get("order_type")),
        volume=_number(entry.get("order_qty")),
        limit=_limit(entry),
        trigger=_trigger(triggers),
        executed=_number(entry.get("cum_qty")),
        cost=_number(entry.get("cum_cost")),
        price=_number(entry.get("avg_price")),
        time_in_force=_word(entry.get("time_in_force")),
        reason=_word(entry.get("reason"))[:_LONGEST_REASON],
        trade=_trade(entry) if kind == "trade" else None,
        is_triggered=isinstance(triggers, Mapping) and triggers.get("status") == "triggered",
    )


def _trade(entry: Mapping[str, Any]) -> Trade:
    volume, price = amount(entry["last_qty"]), amount(entry["last_price"])
    if volume <= 0 or price <= 0:
        raise ValueError("a trade of nothing, or for nothing")
    cost = _number(entry.get("cost"))
    return Trade(text(entry["exec_id"]), volume, price, volume * price if cost is None else cost, _fees(entry))


def _fees(entry: Mapping[str, Any]) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for fee in entry.get("fees") or ():
        asset = text(fee["asset"])
        fees[asset] = fees.get(asset, Decimal(0)) + amount(fee["qty"])
    return fees


def _limit(entry: Mapping[str, Any]) -> Decimal | None:
    """Return the limit; None for one that is only a distance from some other price."""
    price = _number(entry.get("limit_price"))
    return price if price and entry.get("limit_price_type", "static") == "static" else None


def _trigger(triggers: object) -> Decimal | None:
    if not isinstance(triggers, Mapping):
        return None
    actual, price = _number(triggers.get("actual_price")), _number(triggers.get("price"))
    return price if triggers.get("price_type", "static") == "static" else actual


def _number(value: object) -> Decimal | None:
    return None if value is None else amount(value)


def _word(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _side(value: object) -> str:
    if value not in (None, "", "buy", "sell"):
        raise ValueError("neither a purchase nor a sale")
    return _word(value)
