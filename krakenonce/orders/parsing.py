"""Results of Kraken's calls about orders and trades, turned into records. Pure.

Anything malformed raises `OutcomeUnknown`: what cannot be read says nothing about what was executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown
from krakenonce.orders.records import Fill, OrderState, Side

T = TypeVar("T")

_STATES = frozenset({"pending", "open", "closed", "canceled", "expired"})
_LARGEST_EXPONENT = 40  # 10**40 of anything; beyond it, plain arithmetic could be made to take for ever
_LATEST_S = Decimal(2**63) / NS_PER_SECOND


def parsed(method: str, parse: Callable[[Any], T], result: Any) -> T:
    """Return ``parse(result)``.

    Raises:
        OutcomeUnknown: the result is not in the documented form of *method*.
    """
    try:
        return parse(result)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        shape = type(error).__name__
        raise OutcomeUnknown(f"{method}: the result is not in the documented form ({shape})") from error


def nanoseconds(seconds: str | int | Decimal) -> int:
    """Return Kraken's time in seconds as whole nanoseconds, exactly.

    Raises:
        ValueError: no finite time between 1970 and 2262.
    """
    value = amount(seconds)
    if not 0 <= value < _LATEST_S:
        raise ValueError("a time outside of 1970 to 2262")
    return int(value * NS_PER_SECOND)


def amount(value: object) -> Decimal:
    """Return a number that Kraken sent, as text or as a JSON number.

    Raises:
        TypeError, ValueError, ArithmeticError: it is something else, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError("no number")
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("no number that could mean an amount")
    return number


def text(value: object) -> str:
    """Return *value* if it is text that is not empty.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def orders(result: Mapping[str, Mapping[str, Any]]) -> list[OrderState]:
    """Read the orders of OpenOrders, ClosedOrders or QueryOrders."""
    return [_order(txid, entry) for txid, entry in result.items()]


def open_orders(result: Mapping[str, Any]) -> list[OrderState]:
    """Read OpenOrders (https://docs.kraken.com/api/docs/rest-api/get-open-orders)."""
    return orders(result["open"])


def closed_orders(result: Mapping[str, Any]) -> list[OrderState]:
    """Read one page of ClosedOrders (https://docs.kraken.com/api/docs/rest-api/get-closed-orders)."""
    return orders(result["closed"])


def _order(txid: str, entry: Mapping[str, Any]) -> OrderState:
    descr, status = entry["descr"], entry["status"]
    if status not in _STATES:
        raise ValueError("an order in a state that Kraken does not document")
    return OrderState(
        txid=text(txid),
        cl_ord_id=text(entry["cl_ord_id"]) if entry.get("cl_ord_id") else "",
        pair=text(descr["pair"]),
        side=text(descr["type"]),
        ordertype=text(descr["ordertype"]),
        status=status,
        volume=amount(entry["vol"]),
        executed=amount(entry["vol_exec"]),
        price=amount(entry["price"]),
        cost=amount(entry["cost"]),
        fee=amount(entry["fee"]),
        opened_ns=nanoseconds(entry["opentm"]),
        reason=str(entry.get("reason") or ""),
        limit=_limit(descr),
        trigger=_trigger(descr),
        in_quote="viqc" in str(entry.get("oflags") or "").split(","),
        closed_ns=nanoseconds(entry["closetm"]) if entry.get("closetm") else 0,
    )


def _limit(descr: Mapping[str, Any]) -> Decimal:
    # Orders that wait for a trigger have it in "price", and their limit in "price2".
    return _price(descr.get("price2" if str(descr["ordertype"]).endswith("-limit") else "price"))


def _trigger(descr: Mapping[str, Any]) -> Decimal:
    waits = str(descr["ordertype"]).startswith(("stop-loss", "take-profit"))
    return _price(descr.get("price")) if waits else Decimal(0)


def _price(value: object) -> Decimal:
    """Return a price, or 0 if there is none or only a distance, as trailing stops have it (``+2.5%``)."""
    is_distance = isinstance(value, str) and (value.startswith(("+", "-", "#")) or value.endswith("%"))
    return Decimal(0) if is_distance else amount(value or 0)


def fills(result: Mapping[str, Any]) -> tuple[list[Fill], int]:
    """Read one page of TradesHistory: the fills on it, and how many there are on all pages."""
    page = [_fill(exec_id, entry) for exec_id, entry in result["trades"].items()]
    return page, int(amount(result["count"]))


def _fill(exec_id: str, entry: Mapping[str, Any]) -> Fill:
    side = entry["type"]
    if side not in ("buy", "sell"):
        raise ValueError("a trade is neither a purchase nor a sale")
    return Fill(
        exec_id=text(exec_id),
        order_txid=text(entry["ordertxid"]),
        pair=text(entry["pair"]),
        side=cast("Side", side),
        volume=amount(entry["vol"]),
        price=amount(entry["price"]),
        cost=amount(entry["cost"]),
        fee=amount(entry["fee"]),
        time_ns=nanoseconds(entry["time"]),
    )


def first_txid(result: Mapping[str, Any]) -> str:
    """Read AddOrder: the txid of the order that was made."""
    txids = result["txid"]
    if not isinstance(txids, list):
        raise TypeError("no list")
    return text(txids[0])


def nonce_window(result: Mapping[str, Any]) -> int:
    """Read GetApiKeyInfo: how far below the highest nonce a lower one is still accepted, in ticks."""
    return int(amount(result.get("nonce_window", result.get("nonceWindow")) or 0))
