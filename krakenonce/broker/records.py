"""What a broker takes and gives: orders, their state, fills, balances. Immutable values; money is ``Decimal``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from krakenonce.errors import ConfigError

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal["market", "limit"]

OPEN_STATES = frozenset({"pending", "open"})

_CL_ORD_ID = re.compile(r"[a-z0-9]{1,18}")
_VALID_SECONDS = range(2, 61)


@dataclass(frozen=True, slots=True)
class Order:
    """An order to place.

    Parameters:
        pair: the pair in a spelling Kraken accepts, such as ``XXBTZUSD`` or ``BTC/USD``.
        side: ``buy`` or ``sell``.
        volume: in the base asset.
        ordertype: ``market`` or ``limit``.
        price: the limit, in the quote asset; for limit orders only.
        cl_ord_id: our own name for the order: 1 to 18 lowercase letters and digits. Kraken keeps it unique among the
            open orders only (https://docs.kraken.com/api/docs/guides/spot-clordid).
        valid_s: whole seconds, 2 to 60, after which the exchange must not accept the order any more, counted from the
            moment of placing (``deadline`` of https://docs.kraken.com/api/docs/rest-api/add-order).

    Raises:
        ConfigError: one of them is impossible, or they contradict one another.
    """

    pair: str
    side: Side
    volume: Decimal
    ordertype: OrderType = "market"
    price: Decimal | None = None
    cl_ord_id: str | None = None
    valid_s: int | None = None

    def __post_init__(self) -> None:
        if self.side not in ("buy", "sell"):
            raise ConfigError("side", f"{self.side!r}", "Use 'buy' or 'sell'.")
        _check_amount("volume", self.volume)
        _check_price(self.ordertype, self.price)
        if self.cl_ord_id is not None and not _CL_ORD_ID.fullmatch(self.cl_ord_id):
            mend = "Use 1 to 18 lowercase letters and digits: other spellings are refused by some of Kraken's paths."
            raise ConfigError("cl_ord_id", f"text of {len(self.cl_ord_id)} characters", mend)
        if self.valid_s is not None and self.valid_s not in _VALID_SECONDS:
            raise ConfigError("valid_s", f"{self.valid_s}", "Use 2 to 60 whole seconds, as Kraken's deadline allows.")


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order as the exchange knows it.

    Attributes:
        txid: the exchange's name for it.
        cl_ord_id: our name for it; empty if it has none.
        pair: the pair's altname, such as ``XBTUSD`` (orders carry this spelling, trades the key).
        status: pending, open, closed, canceled or expired.
        volume, executed: ordered and filled so far, in the base asset.
        price: the average price of what was filled, in the quote asset.
        cost, fee: in the quote asset.
        opened_ns: when the exchange took it, in nanoseconds since 1970.
        reason: why it was canceled or expired; empty otherwise.
    """

    txid: str
    cl_ord_id: str
    pair: str
    side: str
    ordertype: str
    status: str
    volume: Decimal
    executed: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    opened_ns: int
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """True while it may still be filled further."""
        return self.status in OPEN_STATES

    @property
    def committed(self) -> Decimal:
        """What it has bought or sold, or still may: the ordered volume while open, the executed one afterwards."""
        return self.volume if self.is_open else self.executed


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of an account.

    Attributes:
        exec_id: the trade's id, unique for ever.
        order_txid: the order it belongs to.
        pair: the pair's key, such as ``XXBTZUSD``.
        side: ``buy`` or ``sell``.
        volume: in the base asset.
        price, cost, fee: in the quote asset.
        time_ns: when it happened by the exchange's clock, in nanoseconds since 1970.
    """

    exec_id: str
    order_txid: str
    pair: str
    side: Side
    volume: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    time_ns: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one asset; *held* is bound by open orders, *available* may be spent."""

    asset: str
    total: Decimal
    held: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What Kraken says of an API key (https://docs.kraken.com/api/docs/rest-api/get-api-key-info).

    Attributes:
        name: the name the key was given.
        nonce_window: how far below the highest nonce a lower one is still accepted; 0 is what lanes want.
        permissions: such as ``query-funds`` or ``modify-trades``.
    """

    name: str
    nonce_window: int
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class PairRules:
    """What the exchange demands of orders on one pair, as loaded at run time: the minimums drift.

    Attributes:
        key, altname, wsname: the three spellings AssetPairs publishes (``XXBTZUSD``, ``XBTUSD``, ``XBT/USD``).
        base, quote: the keys of the two assets.
        price_decimals, lot_decimals: decimal places of a price and of a volume.
        order_min: smallest volume, in the base asset.
        cost_min: smallest price times volume, in the quote asset.
        status: ``online``, ``cancel_only``, ``post_only``, ``limit_only`` or ``reduce_only``.
    """

    key: str
    altname: str
    wsname: str
    base: str
    quote: str
    price_decimals: int
    lot_decimals: int
    order_min: Decimal
    cost_min: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Placement:
    """An order that exists at the exchange, exactly once.

    Attributes:
        txid: the exchange's name for it.
        committed: what it commits the account to, in the base asset; less than what was asked for only if the order
            was found, after a lost answer, to have been canceled early.
        attempts: how many times it was sent; every attempt but the last is proved to have had no effect.
        looked_up: True if the answer was lost and the order's existence had to be found out.
    """

    txid: str
    committed: Decimal
    attempts: int = 1
    looked_up: bool = False


def _check_amount(field: str, value: Decimal) -> None:
    if not isinstance(value, Decimal):
        raise ConfigError(field, f"a {type(value).__name__}", "Use a Decimal: money is never a binary fraction.")
    if not value.is_finite() or value <= 0:
        raise ConfigError(field, f"{value}", "Use a finite number above 0.")


def _check_price(ordertype: str, price: Decimal | None) -> None:
    if ordertype == "market" and price is not None:
        raise ConfigError("price", "a price on a market order", "Leave it out, or make it a limit order.")
    if ordertype == "limit":
        if price is None:
            raise ConfigError("price", "missing on a limit order", "Give the limit as a Decimal.")
        _check_amount("price", price)
    elif ordertype != "market":
        raise ConfigError("ordertype", f"{ordertype!r}", "Use 'market' or 'limit'.")
