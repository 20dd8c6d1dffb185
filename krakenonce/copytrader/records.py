"""The copy trader's vocabulary: what was filled, decided, ordered. Immutable values; money is ``Decimal``.

Moments are integers of nanoseconds since 1970; 0 means that the step was never reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from krakenonce.orders.records import OrderType, Side


class LineKey(NamedTuple):
    """What is kept apart: one user, one master, one pair (its key at the exchange, such as ``XXBTZUSD``)."""

    user: str
    master: str
    pair: str


class Source(Enum):
    """How we learnt of a fill."""

    STREAM = "stream"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class MasterFill:
    """One trade of a master's.

    Attributes:
        master: ``MASTER`` or ``MASTER:<name>``.
        exec_id: the trade's id at the exchange: with *master*, the identity of the fill.
        order_txid: the order it belongs to.
        pair: the pair's key, such as ``XXBTZUSD``.
        side: ``buy`` or ``sell``.
        volume: in the base asset; price: in the quote asset.
        filled_ns: when it happened, by the exchange's clock.
        received_ns: when we learnt of it, by ours.
        order_volume: what the whole order was for, in the base asset; None if that is not known.
        source: how we learnt of it.
    """

    master: str
    exec_id: str
    order_txid: str
    pair: str
    side: Side
    volume: Decimal
    price: Decimal
    filled_ns: int
    received_ns: int
    order_volume: Decimal | None = None
    source: Source = Source.STREAM


class Kind(Enum):
    """What a fill means for one user."""

    ENTRY = "entry"
    EXIT = "exit"
    SKIP = "skip"


class Decision(NamedTuple):
    """What one user makes of one fill. Taken once, written down, and never taken again.

    Attributes:
        line: whose and where: the pair is the one the user trades, after mapping.
        exec_id: of the fill; (user, master, exec_id) is the decision's identity.
        kind: entry, exit or skip.
        delta: by how much the user's target changes, in the base asset: above 0 on entry, at most 0 on exit, 0 on skip.
        price: the master's price, in the quote asset of the user's pair (converted if the pair was mapped).
        reason: why it was skipped or cut; empty for a plain copy.
        decided_ns: when.
        side: the side of the fill.
    """

    line: LineKey
    exec_id: str
    kind: Kind
    delta: Decimal
    price: Decimal
    reason: str
    decided_ns: int
    side: Side


class Purpose(Enum):
    """Why an order is sent. All but entries go out whatever the guards of entries say."""

    ENTRY = "entry"
    EXIT = "exit"
    CLOSE = "close"
    SYNC = "sync"
    MIRROR = "mirror"


class OrderPhase(Enum):
    """How far an order of ours has come. PLANNED and SENT have to be found out after a crash."""

    PLANNED = "planned"
    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"


class CopyOrder(NamedTuple):
    """One order for a user, as the journal knows it.

    Attributes:
        cl_ord_id: its name: always the same for the same line, fill and attempt; see `krakenonce.copytrader.naming`.
        line: whose and where.
        exec_id: the newest fill it was planned after; attempt: 0 for the first order after that fill, then 1, 2...
        purpose: why.
        side: ``buy`` or ``sell``.
        volume: in the base asset.
        limit: the worst price that is accepted, in the quote asset; None for a market order.
        deadline_ns: the exchange must not accept it after that, by its own clock.
        reference: the master's price, against which slippage is measured, in the quote asset.
        phase: how far it has come.
        path: ``ws``, ``rest`` or ``dry``; empty before it is sent.
        txid: the exchange's name for it; empty if it has none.
        executed, cost, fee: what it has filled (base asset), what that cost and what was charged (quote asset).
        reason: why it was refused, or what was special about it.
        planned_ns, sent_ns, acknowledged_ns, done_ns: when, by our clock.
        ordertype: None for what takes at once or ends: limit IOC if there is a *limit*, else market. Otherwise an order
            that rests until it is filled or cancelled (mode orders).
        trigger: where a stop or take-profit order is triggered, in the quote asset.
        mirrors: the txid of the master's order that it follows (mode orders); empty otherwise.
    """

    cl_ord_id: str
    line: LineKey
    exec_id: str
    attempt: int
    purpose: Purpose
    side: Side
    volume: Decimal
    limit: Decimal | None
    deadline_ns: int
    reference: Decimal
    phase: OrderPhase = OrderPhase.PLANNED
    path: str = ""
    txid: str = ""
    executed: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    reason: str = ""
    planned_ns: int = 0
    sent_ns: int = 0
    acknowledged_ns: int = 0
    done_ns: int = 0
    ordertype: OrderType | None = None
    trigger: Decimal | None = None
    mirrors: str = ""


class OrderStep(Enum):
    """What became of an order of the master's. SHOWN: it is open, and was before we listened; how it stands now."""

    SHOWN = "shown"
    OPENED = "opened"
    AMENDED = "amended"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class MasterOrderEvent:
    """One step in the life of an order of the master's, as it stands afterwards. For mode orders.

    Attributes:
        master: ``MASTER`` or ``MASTER:<name>``.
        order_txid: the order.
        step: what happened; FILLED only when nothing of it is left.
        pair: the pair's key; side: ``buy`` or ``sell``.
        volume, executed: ordered and filled so far, in the base asset.
        limit, trigger: its prices, in the quote asset; None if it has none.
        happened_ns: by the exchange's clock; received_ns: by ours.
    """

    master: str
    order_txid: str
    step: OrderStep
    pair: str
    side: Side
    ordertype: OrderType
    volume: Decimal
    executed: Decimal
    limit: Decimal | None
    trigger: Decimal | None
    happened_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class Line:
    """What one user holds of one pair because of one master: the copied coins and no others.

    Attributes:
        key: whose and where.
        wanted: the target position in the base asset, exact (not rounded to lots), never below 0.
        held: what copies have bought and not sold again, in the base asset, never below 0.
        written_off: what was wanted and given up (refused, too late, too dear), in the base asset, summed up.
    """

    key: LineKey
    wanted: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    written_off: Decimal = Decimal(0)
