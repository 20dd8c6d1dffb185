"""Results of Kraken's calls about accounts and pairs, turned into records. Pure.

Anything malformed raises `OutcomeUnknown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from krakenonce.broker.records import Balance, Depth, KeyInfo, PairRules
from krakenonce.orders.parsing import nanoseconds

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


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


def depth(result: Mapping[str, Mapping[str, Any]]) -> Depth:
    """Read Depth (https://docs.kraken.com/api/docs/rest-api/get-order-book), which was asked for one pair."""
    ((_, sides),) = result.items()
    bids, asks = (tuple((Decimal(row[0]), Decimal(row[1])) for row in sides[name]) for name in ("bids", "asks"))
    return Depth(bids, asks)
