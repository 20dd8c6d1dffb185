"""How frames are written: compact JSON, numbers as numbers in full precision, times in RFC 3339."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND, rfc3339
from krakenonce.simulator.rest.formats import digits

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair


def dump(value: Any) -> str:
    """Return *value* as compact JSON. A Decimal becomes a number with all of its digits, which floats can't promise."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{dump(part)}' for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


def update(channel: str, data: Any, kind: str = "update", **extra: Any) -> str:
    """Return a frame of *channel*; *kind* is "snapshot" or "update"."""
    return dump({"channel": channel, "type": kind, **extra, "data": data})


def price(pair: Pair, value: Decimal) -> Decimal:
    """Return a price with the pair's decimals."""
    return Decimal(digits(value, pair.price_decimals))


def quantity(pair: Pair, value: Decimal) -> Decimal:
    """Return a volume with the pair's lot decimals."""
    return Decimal(digits(value, pair.lot_decimals))


def cost(pair: Pair, value: Decimal) -> Decimal:
    """Return an amount of the quote asset with the pair's cost decimals."""
    return Decimal(digits(value, pair.cost_decimals))


def stamp(ns: int) -> str:
    """Return a moment in microseconds: ``2026-09-21T13:33:20.000001Z``."""
    return rfc3339(ns)


def long_stamp(ns: int) -> str:
    """Return a moment in nanoseconds, as candles have it: ``2026-09-21T13:33:00.000000000Z``."""
    seconds, rest = divmod(ns, NS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
