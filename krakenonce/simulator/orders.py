"""Orders and trades: the plain data, and what follows from it alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_UP, Context, Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.agenda import Appointment
    from krakenonce.simulator.matching import Trail

Side = Literal["buy", "sell"]
ZERO = Decimal(0)
_WIDE = Context(prec=60)  # an absurd price times an absurd volume is still a number, and then too much
OPEN_STATES = frozenset({"pending", "open"})
TRIGGERED_TYPES = frozenset(
    {
        "stop-loss",
        "take-profit",
        "stop-loss-limit",
        "take-profit-limit",
        "trailing-stop",
        "trailing-stop-limit",
    }
)
LIMIT_TYPES = frozenset({"limit", "iceberg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTerms:
    """A conditional close: the order that follows once the first one has filled. Prices as in Ticket."""

    ordertype: str
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a client asks for, in either API, checked field by field but not yet against market and funds.

    Parameters:
        volume: in base units, or in quote units with *in_quote* (``viqc``).
        limit_price: for limit, iceberg and the ``-limit`` forms; trigger_price: for stop-loss and take-profit.
        trail: offset of the trailing forms; limit_offset: how far the limit lies from the trigger, trailing-stop-limit.
        tif: GTC, IOC, GTD or FOK; start_ns, expire_ns: 0 for at once and never.
        leverage: 0 for none. fee_in_base: ``fcib``.
    """

    pair: Pair
    side: Side
    ordertype: str
    volume: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trail: Trail | None = None
    limit_offset: Trail | None = None
    trigger_by: str = "last"
    post: bool = False
    fee_in_base: bool = False
    in_quote: bool = False
    no_protection: bool = False
    tif: str = "GTC"
    start_ns: int = 0
    expire_ns: int = 0
    userref: int | None = None
    cl_ord_id: str | None = None
    leverage: int = 0
    reduce_only: bool = False
    stp: str = "cancel-newest"
    close: CloseTerms | None = None
    display_volume: Decimal | None = None
    sender_sub_id: str | None = None

    @property
    def oflags(self) -> str:
        """The order flags as REST shows them."""
        flags = {
            "post": self.post,
            "fcib": self.fee_in_base,
            "fciq": not self.fee_in_base,
            "nompp": self.no_protection,
            "viqc": self.in_quote,
        }
        return ",".join(name for name, is_set in flags.items() if is_set)


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of one order. *fee* is in quote units; *fee_asset* and *fee_paid* say what was really taken."""

    txid: str
    order: Order
    trade_id: int
    time_ns: int
    price: Decimal
    volume: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    fee_paid: Decimal
    maker: bool
    position: str = ""
    closing: bool = False
    realised: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Amendment:
    """An order's terms from *time_ns* on, after its owner has amended it."""

    amend_id: str
    time_ns: int
    volume: Decimal
    remaining: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    display_volume: Decimal | None
    post: bool


@dataclass(slots=True, eq=False)
class Order:
    """An order on the exchange. Changed only by the engine, in the exchange's thread.

    *volume*, *limit_price* and *trigger_price* start as the ticket's and follow amendments; *volume* is in quote units
    for ``viqc`` orders. *held* is what is reserved for it, in *held_asset*.
    """

    txid: str
    account: Account
    ticket: Ticket
    opened_ns: int
    touched_ns: int
    fee_rate: Decimal
    rank: int
    volume: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    display_volume: Decimal | None = None
    post: bool = False
    status: str = "open"
    triggered: bool = False
    peak: Decimal | None = None
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    held: Decimal = ZERO
    held_asset: str = ""
    closed_ns: int = 0
    reason: str | None = None
    amended: bool = False
    parent: str | None = None
    trades: list[Trade] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    timers: list[Appointment] = field(default_factory=list)

    @property
    def pair(self) -> Pair:
        """The market it is on."""
        return self.ticket.pair

    @property
    def side(self) -> Side:
        """buy or sell."""
        return self.ticket.side

    @property
    def is_open(self) -> bool:
        """Whether it can still fill or be canceled."""
        return self.status in OPEN_STATES

    @property
    def waits_for_trigger(self) -> bool:
        """Whether it is a stop or take-profit order that has not fired yet."""
        return self.ticket.ordertype in TRIGGERED_TYPES and not self.triggered

    @property
    def remaining(self) -> Decimal:
        """What is left to fill: base units, or quote units for ``viqc`` orders."""
        return self.volume - (self.cost if self.ticket.in_quote else self.filled)

    @property
    def average_price(self) -> Decimal:
        """Cost over filled volume, or 0."""
        return self.cost / self.filled if self.filled else ZERO

    def amount_to_hold(self) -> tuple[str, Decimal]:
        """Return (asset, amount) to reserve while it rests: the cost with the highest fee, or the base to sell."""
        if self.ticket.leverage or not self.is_open:
            return self.held_asset, ZERO
        if self.side == "sell":
            with_fee = 1 + self.fee_rate if self.ticket.fee_in_base else Decimal(1)
            return self.pair.base.name, _up(self.remaining * with_fee)
        return self.pair.quote.name, self._cost_to_hold()

    def _cost_to_hold(self) -> Decimal:
        with_fee = 1 if self.ticket.fee_in_base else 1 + self.fee_rate
        if self.ticket.in_quote:
            return _up(self.remaining * with_fee)
        price = self.limit_price if self.limit_price is not None else self.trigger_price
        return _up(self.remaining * (price or ZERO) * with_fee)


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1e-10"), rounding=ROUND_UP, context=_WIDE)


def closing_ticket(order: Order, close: CloseTerms) -> Ticket:
    """Return the ticket of the conditional close of an order that has filled."""
    return Ticket(
        pair=order.pair,
        side=opposite(order.side),
        ordertype=close.ordertype,
        volume=order.filled,
        limit_price=close.limit_price,
        trigger_price=close.trigger_price,
        userref=order.ticket.userref,
        leverage=order.ticket.leverage,
    )


def opposite(side: Side) -> Side:
    """Return the other side."""
    return "sell" if side == "buy" else "buy"
