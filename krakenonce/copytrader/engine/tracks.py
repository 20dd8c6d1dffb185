"""One line as the engine follows it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from krakenonce.broker import Acknowledged
from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.engine.protocols import Account
from krakenonce.copytrader.journal.records import LineRow
from krakenonce.copytrader.mirroring import Mirror
from krakenonce.copytrader.policy import UserPolicy
from krakenonce.copytrader.records import CopyOrder, Line, Purpose
from krakenonce.kraken.replies import Refused

UNKNOWN = object()


@dataclass(slots=True, eq=False)
class Track:
    """A line, its order on the way, and the task that follows it.

    Attributes:
        line: what is wanted and held.
        exec_id: the newest fill that was decided for it; attempt: how many orders were planned after that fill.
        reference: that fill's price; entered_ns: when the newest entry was filled, by the exchange's clock.
        tries: how many orders in a row have not done all they were to do; left: of how many of those the market has
            left something.
        purpose: why the next order is sent, if it is neither an entry nor an exit.
        order: the one that is planned or on its way; answer: what came, or will come, of sending it (None: not sent by
            this process); sent_ns, path: when and how it was sent.
        is_left_over: True while *order* is one that an earlier run planned, so that nobody knows whether it was sent.
        task: follows the order to its end and plans what comes next; None while nothing is to be done.
        account: who has sent the order, until it has ended: the key may be exchanged meanwhile.
        waiting: why no order is on its way, in plain words.
        mirrors: in mode orders, the master's orders that are followed, by their txids; resting: those of them whose own
            order was refused for a reason that passes, so that the next one has to wait; standing: those that are known
            to be open at the exchange, by what was heard in this run since the master's stream was last away.
        news: set when the line has changed while the task was at it.
        owing: the token of the draft with the decisions that no order has taken in; None if there are none, `UNKNOWN`
            if they may stand in several, or in the journal.
    """

    line: Line
    exec_id: str = ""
    attempt: int = 0
    reference: Decimal = ZERO
    entered_ns: int = 0
    tries: int = 0
    left: int = 0
    purpose: Purpose | None = None
    order: CopyOrder | None = None
    answer: asyncio.Future[Acknowledged | Refused] | None = None
    sent_ns: int = 0
    path: str = ""
    is_left_over: bool = False
    task: asyncio.Task[None] | None = None
    account: Account | None = None
    waiting: str = ""
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    standing: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    owing: object = UNKNOWN

    @property
    def row(self) -> LineRow:
        """What the journal keeps of it."""
        return LineRow(self.line, self.exec_id, self.attempt, self.reference, self.entered_ns)

    @property
    def is_idle(self) -> bool:
        """True if nothing is planned, on its way or waited for."""
        return self.order is None and self.task is None

    def fresh_until_ns(self, policy: UserPolicy) -> int:
        """Return until when the newest entry may be bought, by the exchange's clock."""
        return self.entered_ns + policy.guards.max_age_s * NS_PER_SECOND
