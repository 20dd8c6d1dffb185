"""Results of Kraken's private calls, turned into records. Pure; anything malformed raises `OutcomeUnknown`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from krakenonce.broker.records import Balance, Fill, KeyInfo, OrderState, PairRules, Side
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown

T = TypeVar("T")

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def parsed(method: str, parse: Callable[[Any], T], result: Any) -> T:
    """Return ``parse(result)``.

    Raises:
        OutcomeUnknown: the result is not in the documented form of *method*.
    """
    try:
        return parse(result)
    except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError) as error:
        shape = type(error).__name__
        raise OutcomeUnknown(f"{method}: the result is not in the documented form ({shape})") from error


def nanoseconds(seconds: str | int | Decimal) -> int:
    """Return Kraken's time in seconds as whole nanoseconds, exactly."""
    return int(Decimal(seconds) * NS_PER_SECOND)


def key_info(result: Mapping[str, Any]) -> KeyInfo:
    """Read GetApiKeyInfo, whose members come in snake_case on the wire and in camelCase in the documentation."""
    members = {_CAPITAL.sub(r"_\1", name).lower(): value for name, value in result.items()}
    permissions = frozenset(str(entry) for entry in members["permissions"])
    return KeyInfo(str(members.get("api_key_name", "")), int(members.get("nonce_window") or 0), permissions)


def balances(result: Mapping[str, Mapping[str, Any]]) -> dict[str, Balance]:
    """Read BalanceEx (https://docs.kraken.com/api/docs/rest-api/get-extended-balance)."""
    return {asset: _balance(asset, entry) for asset, entry in result.items()}


def _balance(asset: str, entry: Mapping[str, Any]) -> Balance:
    total, held = Decimal(entry["balance"]), Decimal(entry.get("hold_trade", 0))
    credit = Decimal(entry.get("credit", 0)) - Decimal(entry.get("credit_used", 0))
    return Balance(asset, total, held, total + credit - held)


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
    descr = entry["descr"]
    return OrderState(
        txid=txid,
        cl_ord_id=entry.get("cl_ord_id") or "",
        pair=descr["pair"],
        side=descr["type"],
        ordertype=descr["ordertype"],
        status=entry["status"],
        volume=Decimal(entry["vol"]),
        executed=Decimal(entry["vol_exec"]),
        price=Decimal(entry["price"]),
        cost=Decimal(entry["cost"]),
        fee=Decimal(entry["fee"]),
        opened_ns=nanoseconds(entry["opentm"]),
        reason=entry.get("reason") or "",
    )


def fills(result: Mapping[str, Any]) -> tuple[list[Fill], int]:
    """Read one page of TradesHistory: the fills on it, and how many there are on all pages."""
    page = [_fill(exec_id, entry) for exec_id, entry in result["trades"].items()]
    return page, int(result["count"])


def _fill(exec_id: str, entry: Mapping[str, Any]) -> Fill:
    side = entry["type"]
    if side not in ("buy", "sell"):
        raise ValueError("a trade is neither a purchase nor a sale")
    return Fill(
        exec_id=exec_id,
        order_txid=entry["ordertxid"],
        pair=entry["pair"],
        side=cast("Side", side),
        volume=Decimal(entry["vol"]),
        price=Decimal(entry["price"]),
        cost=Decimal(entry["cost"]),
        fee=Decimal(entry["fee"]),
        time_ns=nanoseconds(entry["time"]),
    )


def first_txid(result: Mapping[str, Any]) -> str:
    """Read AddOrder: the txid of the order that was made."""
    return str(result["txid"][0])


def server_time(result: Mapping[str, Any]) -> int:
    """Read Time: the exchange's clock in nanoseconds since 1970, with the resolution of a second."""
    return nanoseconds(result["unixtime"])


def pairs(result: Mapping[str, Mapping[str, Any]]) -> dict[str, PairRules]:
    """Read AssetPairs (https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs): rules by the pair's key."""
    return {key: _pair(key, entry) for key, entry in result.items()}


def _pair(key: str, entry: Mapping[str, Any]) -> PairRules:
    return PairRules(
        key=key,
        altname=entry["altname"],
        wsname=entry.get("wsname") or "",
        base=entry["base"],
        quote=entry["quote"],
        price_decimals=int(entry["pair_decimals"]),
        lot_decimals=int(entry["lot_decimals"]),
        order_min=Decimal(entry.get("ordermin", 0)),
        cost_min=Decimal(entry.get("costmin", 0)),
        status=entry.get("status", "online"),
    )


def last_prices(result: Mapping[str, Mapping[str, Any]]) -> dict[str, Decimal]:
    """Read Ticker (https://docs.kraken.com/api/docs/rest-api/get-ticker-information): the price of the last trade."""
    return {key: Decimal(entry["c"][0]) for key, entry in result.items()}
