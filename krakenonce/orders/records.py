"""What is asked of the exchange about orders, and what it answers. Immutable values; money is ``Decimal``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from krakenonce.errors import ConfigError

Side: TypeAlias = Literal["buy", "sell"]
OrderType: TypeAlias = Literal["market", "limit", "stop-loss", "take-profit", "stop-loss-limit", "take-profit-limit"]

TimeInForce: TypeAlias = Literal["gtc", "ioc"]

OPEN_STATES = frozenset({"pending", "open"})

_ORDER_TYPES, _TIMES_IN_FORCE = get_args(OrderType), get_args(TimeInForce)
_CL_ORD_ID = re.compile(r"[a-z0-9]{1,18}")
_VALID_SECONDS = range(3, 61)
# Kraken takes 2 to 60. Of 2 s, less than 2 s would be left at the moment of sending.


@dataclass(frozen=True, slots=True)
class Order:
    """An order to place.

    Parameters:
        pair: the pair in a spelling Kraken accepts, such as ``XXBTZUSD`` or ``BTC/USD``.
        side: ``buy`` or ``sell``.
        volume: in the base asset.
        ordertype: ``market``, ``limit``, or one of the kinds that wait for a trigger (``stop-loss``, ``take-profit``,
            the same with ``-limit``).
        price: the limit of a limit order, the trigger of those that wait for one; in the quote asset.
        price2: the limit that counts once a ``-limit`` kind has been triggered, in the quote asset.
        cl_ord_id: our own name for the order: 1 to 18 lowercase letters and digits. Kraken keeps it unique among the
            open orders only (https://docs.kraken.com/api/docs/guides/spot-clordid); the journal keeps it unique for
            as long as it remembers, a year by default. If None, a random one is given on placing.
        valid_s: whole seconds, 3 to 60, after which the exchange must not accept the order any more, counted from the
            moment of placing (``deadline`` of https://docs.kraken.com/api/docs/rest-api/add-order); None for 45.
        time_in_force: ``gtc`` stays until canceled; ``ioc`` (limit orders only) fills what it can at once, and the rest
            of it is canceled.
        fees_in: the asset that pays the fee, ``base`` or ``quote``; None for the exchange's own choice.

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
    price2: Decimal | None = None
    time_in_force: TimeInForce = "gtc"
    fees_in: Literal["base", "quote"] | None = None

    def __post_init__(self) -> None:
        if self.side not in ("buy", "sell"):
            raise ConfigError("side", f"{self.side!r}", "Use 'buy' or 'sell'.")
        _check_amount("volume", self.volume)
        if self.ordertype == "limit" and self.price2 is None and self.price is not None:
            _check_amount("price", self.price)  # by far the most, and many at a time
        else:
            _check_prices(self.ordertype, self.price, self.price2)
        if self.cl_ord_id is not None and not _CL_ORD_ID.fullmatch(self.cl_ord_id):
            mend = "Use 1 to 18 lowercase letters and digits: other spellings are refused by some of Kraken's paths."
            raise ConfigError("cl_ord_id", f"text of {len(self.cl_ord_id)} characters", mend)
        if self.valid_s is not None and self.valid_s not in _VALID_SECONDS:
            raise ConfigError("valid_s", f"{self.valid_s}", "Use 3 to 60 whole seconds: Kraken wants 2 s ahead.")
        _check_choices(self)


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
        limit: the price it was given, in the quote asset; 0 for a market order.
        trigger: where it is triggered, in the quote asset; 0 if nothing triggers it.
        in_quote: whether *volume* is in the quote asset (``viqc``); what was executed never is.
        closed_ns: when it ended, by the exchange's clock; 0 if it has not, or nobody says.
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
    limit: Decimal = Decimal(0)
    trigger: Decimal = Decimal(0)
    in_quote: bool = False
    closed_ns: int = 0

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
class Placement:
    """An order that exists at the exchange, exactly once.

    Attributes:
        txid: the exchange's name for it.
        committed: what it commits the account to, in the base asset; less than what was asked for only if the order
            was found, after a lost answer, to have been canceled early.
        attempts: how many times it was sent; every attempt but the last is proved to have had no effect.
        looked_up: True if the answer was lost and the order's existence had to be found out.
        cl_ord_id: our name for it.
        fills: what of it was traded, as far as it was looked up.
        recorded: True if the journal knew it already, so that nothing was sent.
    """

    txid: str
    committed: Decimal
    attempts: int = 1
    looked_up: bool = False
    cl_ord_id: str = ""
    fills: tuple[Fill, ...] = ()
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Executed:
    """The request was executed: this is the order it left, and its trades as far as the books show them.

    For a cancel or an amend it can also mean that the order was closed before, so that there was nothing left to do.
    """

    state: OrderState
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """The request was not executed, and never will be. *cause* is what had been known of it."""

    cause: str


Verdict: TypeAlias = Executed | NotExecuted


def _check_amount(field: str, value: Decimal) -> None:
    if not isinstance(value, Decimal):
        raise ConfigError(field, f"a {type(value).__name__}", "Use a Decimal: money is never a binary fraction.")
    if not value.is_finite() or value <= 0:
        raise ConfigError(field, f"{value}", "Use a finite number above 0.")


def _check_choices(order: Order) -> None:
    if order.time_in_force not in _TIMES_IN_FORCE:
        raise ConfigError("time_in_force", f"{order.time_in_force!r}", "Use 'gtc' or 'ioc'.")
    if order.time_in_force == "ioc" and order.ordertype != "limit":
        raise ConfigError("time_in_force", f"'ioc' on a {order.ordertype} order", "Use it on limit orders only.")
    if order.fees_in not in (None, "base", "quote"):
        raise ConfigError("fees_in", f"{order.fees_in!r}", "Use 'base', 'quote' or None.")


def _check_prices(ordertype: str, price: Decimal | None, price2: Decimal | None) -> None:
    if ordertype not in _ORDER_TYPES:
        raise ConfigError("ordertype", f"{ordertype!r}", f"Use one of: {', '.join(_ORDER_TYPES)}.")
    _check_price("price", price, ordertype, is_wanted=ordertype != "market")
    _check_price("price2", price2, ordertype, is_wanted=ordertype.endswith("-limit"))


def _check_price(field: str, value: Decimal | None, ordertype: str, *, is_wanted: bool) -> None:
    if value is None:
        if is_wanted:
            raise ConfigError(field, f"missing on a {ordertype} order", "Give it as a Decimal.")
    elif is_wanted:
        _check_amount(field, value)
    else:
        raise ConfigError(field, f"a {field} on a {ordertype} order", "Leave it out, or use another ordertype.")
