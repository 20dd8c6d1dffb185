"""A mirror and the steps that are taken for it. Immutable values; money is ``Decimal``."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from krakenonce.copytrader.amounts import ZERO, add, subtract
from krakenonce.copytrader.records import CopyOrder, LineKey
from krakenonce.orders.records import OrderType, Side


class Phase(Enum):
    """How far the user's order has come."""

    NONE = "none"
    PLACING = "placing"
    OPEN = "open"
    CANCELING = "canceling"
    DETACHED = "detached"
    """It ended without the master's: refused, or cancelled by somebody else. No other takes its place: from there on
    the fills are copied as in mode fills."""


LIVE = frozenset({Phase.PLACING, Phase.OPEN, Phase.CANCELING})


@dataclass(frozen=True, slots=True)
class Mirror:
    """One order of the master's as one line sees it. All volumes in the base asset, prices in the quote asset.

    Attributes:
        line: whose and where.
        order_txid, side, ordertype: of the master's order.
        volume: what was left of the master's order when it was adopted, and its changes since.
        before: what of it was accounted for otherwise when it was adopted.
        filled: what its fills since then have brought, as they were decided on.
        reported: how much of it is filled since then, as its events say.
        limit, trigger: its prices now; None if it has none.
        over: it is filled, canceled or expired.
        sized: what the user's order is for when the master's is for *volume* (buys); 0 for sells, which follow the
            line.
        moved: by how much its fills have moved the line's target, as far as that is left to the user's order to do.
        aside: what of *sized* is not left to it: the line's own orders buy that.
        phase: how far the user's order has come.
        order: the user's newest order, as last known; None before the first.
        executed_before: what the user's earlier orders for this one have executed.
        generation: how many orders the user had for it.
        asked: the volume and prices of a change that is on its way or was refused; None otherwise.
        replacing: the user's order could not be changed, so it is cancelled and another takes its place.
        reason: why the user has no order; empty if he has.
    """

    line: LineKey
    order_txid: str
    side: Side
    ordertype: OrderType
    volume: Decimal
    before: Decimal
    limit: Decimal | None
    trigger: Decimal | None
    sized: Decimal = ZERO
    filled: Decimal = ZERO
    reported: Decimal = ZERO
    over: bool = False
    moved: Decimal = ZERO
    aside: Decimal = ZERO
    phase: Phase = Phase.NONE
    order: CopyOrder | None = None
    executed_before: Decimal = ZERO
    generation: int = 0
    asked: Amend | None = None
    replacing: bool = False
    reason: str = ""

    @property
    def is_live(self) -> bool:
        """True while the user's order may be open at the exchange."""
        return self.phase in LIVE

    @property
    def ahead(self) -> Decimal:
        """How much more the user's orders have executed than the master's fills account for; below 0 if less."""
        return subtract(self.executed, self.moved)

    @property
    def executed(self) -> Decimal:
        """What the user's orders for this one have executed in all."""
        return self.executed_before if self.order is None else add(self.executed_before, self.order.executed)


@dataclass(frozen=True, slots=True)
class Place:
    """Send *order*, which rests at the exchange."""

    order: CopyOrder


@dataclass(frozen=True, slots=True)
class Amend:
    """Change the open order *cl_ord_id* to *volume* (executed part included) and these prices."""

    cl_ord_id: str
    volume: Decimal
    limit: Decimal | None
    trigger: Decimal | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the open order *cl_ord_id*."""

    cl_ord_id: str


Step: TypeAlias = Place | Amend | Cancel
