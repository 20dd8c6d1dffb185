"""What the journal writes and gives back. Immutable; money is ``Decimal``, moments are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.records import CopyOrder, Decision, Line, LineKey, MasterFill

EVERYBODY = "*"
"""The name under which the standing of all together is kept."""

STOCK_FACT = "reconciled:"
"""Small facts whose names begin so tell how a user was found at his last start: moment, positions, how many adrift."""


class State(Enum):
    """Whether a user (or everybody) is copied. Exits go out in all of them but KILLED and LEFT."""

    ACTIVE = "active"
    PAUSED = "paused"
    SOFT_STOP = "soft_stop"
    HARD_STOP = "hard_stop"
    KILLED = "killed"
    LEAVING = "leaving"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one user stands (or everybody: `EVERYBODY`).

    Attributes:
        user: his account's name.
        state: see `State`; reason: why; since_ns: since when.
        peak_equity: the highest equity since it was last re-armed, in the currency of the config; None before the first
            look.
        day: the day (UTC, ``2026-11-23``) that *day_equity* opened.
        day_equity: the equity at the first look of that day.
        failures: how many copies in a row have failed.
    """

    user: str
    state: State = State.ACTIVE
    reason: str = ""
    since_ns: int = 0
    peak_equity: Decimal | None = None
    day: str = ""
    day_equity: Decimal | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill of a master's and what it changed in his book: that is what everybody decides on, now or later."""

    fill: MasterFill
    change: Change


class LineRow(NamedTuple):
    """A line, and what its next order is named and priced after.

    Attributes:
        exec_id: the newest fill that was decided for it; attempt: how many orders were planned after that fill.
        reference: that fill's price, in the quote asset of the user's pair.
        entered_ns: when the newest entry was filled, by the exchange's clock: how old it is decides whether it may
            still be bought, whatever was decided after it.
    """

    line: Line
    exec_id: str = ""
    attempt: int = 0
    reference: Decimal = Decimal(0)
    entered_ns: int = 0


@dataclass(frozen=True, slots=True)
class MasterRow:
    """What one master holds of one pair, as his fills fold it.

    Attributes:
        position: in the base asset; cost: what it was bought for, in the quote asset.
        fills: how many fills were folded.
        newest_ns: when the newest of them happened, by the exchange's clock.
    """

    master: str
    pair: str
    position: Decimal
    cost: Decimal
    fills: int
    newest_ns: int


@dataclass(frozen=True, slots=True)
class FollowRow:
    """Whom a user follows since when: fills up to *since_ns* (the exchange's clock) were not his to decide."""

    user: str
    master: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """An order of the master's that a line follows with one of its own: *mirror* as text; empty to forget it."""

    line: LineKey
    order_txid: str
    mirror: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What is written in one transaction. Fills and decisions that are known are left as they are.

    Attributes:
        alone: the names of those *orders* that take in no decisions but those they are written with: no older ones of
            their lines wait, and none need be looked for.
    """

    fills: tuple[FillRow, ...] = ()
    decisions: tuple[Decision, ...] = ()
    lines: tuple[LineRow, ...] = ()
    orders: tuple[CopyOrder, ...] = ()
    standings: tuple[Standing, ...] = ()
    masters: tuple[MasterRow, ...] = ()
    follows: tuple[FollowRow, ...] = ()
    mirrors: tuple[MirrorRow, ...] = ()
    meta: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    alone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where everything stands, as the journal has it.

    Attributes:
        fills: the recent ones, oldest first.
        lines, masters, follows, standings, mirrors: all of them.
        orders: those whose end is not known.
        meta: small facts by name.
    """

    fills: tuple[MasterFill, ...]
    lines: tuple[LineRow, ...]
    orders: tuple[CopyOrder, ...]
    standings: tuple[Standing, ...]
    masters: tuple[MasterRow, ...]
    follows: tuple[FollowRow, ...]
    mirrors: tuple[MirrorRow, ...]
    meta: Mapping[str, str]
