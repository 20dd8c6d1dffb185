"""One receipt for every copy and every skip: the master's fill, what was made of it and when, or why not. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from krakenonce.copytrader.records import CopyOrder, Decision, Kind, Line, LineKey, MasterFill, OrderPhase


class Outcome(Enum):
    """How it ended."""

    COPIED = "copied"
    PARTLY = "partly"
    NOT_FILLED = "not filled"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    SKIPPED = "skipped"
    AGAIN = "to be sent again"
    WAITING = "waiting"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one user's account got for one fill of a master's, or why it got nothing.

    An order may take in several fills; each has its receipt then, and *order* is the same in all of them. An order that
    no decision names (a further attempt, a closing of everything, a mirrored one) has a receipt of its own.

    Attributes:
        user, master, pair: whose and where; pair is the one the user trades.
        fill: the master's trade; None if the journal does not hold it.
        decision: what was made of it; None for an order that no decision names.
        order: the order that took it in; None if none has so far.
        is_due: whether *order* did not exist, and another is sent in its place as soon as the reason has passed.
    """

    user: str
    master: str
    pair: str
    fill: MasterFill | None
    decision: Decision | None
    order: CopyOrder | None
    is_due: bool = False

    @property
    def outcome(self) -> Outcome:
        """How it ended, as far as it has."""
        if self.decision is not None and self.decision.kind is Kind.SKIP:
            return Outcome.SKIPPED
        if self.order is None:
            return Outcome.WAITING
        return Outcome.AGAIN if self.is_due else outcome_of(self.order)

    @property
    def reason(self) -> str:
        """Why it was skipped, cut, refused or given up; empty for a plain copy."""
        own = self.decision.reason if self.decision is not None else ""
        return own or (self.order.reason if self.order is not None else "")

    @property
    def at_ns(self) -> int:
        """When it was decided, or its order planned."""
        if self.decision is not None:
            return self.decision.decided_ns
        return self.order.planned_ns if self.order is not None else 0

    @property
    def is_prompt(self) -> bool:
        """Whether the order was sent because of this very fill: only then is its latency that of a copy."""
        order, fill = self.order, self.fill
        if order is None or fill is None or self.decision is None or not order.sent_ns:
            return False
        return order.exec_id == fill.exec_id and order.attempt == 0

    @property
    def sending_ns(self) -> int | None:
        """Nanoseconds from learning of the fill to the order's leaving; None if it did not leave because of it."""
        return self.order.sent_ns - self.fill.received_ns if self.is_prompt and self.order and self.fill else None

    @property
    def answer_ns(self) -> int | None:
        """Nanoseconds from learning of the fill to the exchange's answer; None as above, or if there was none."""
        if not self.is_prompt or not self.order or not self.fill or not self.order.acknowledged_ns:
            return None
        return self.order.acknowledged_ns - self.fill.received_ns


def outcome_of(order: CopyOrder) -> Outcome:
    """Return how *order* ended, as far as it has."""
    if order.phase in (OrderPhase.PLANNED, OrderPhase.OPEN):
        return Outcome.OPEN
    if order.executed >= order.volume:
        return Outcome.COPIED
    if order.executed:
        return Outcome.PARTLY
    if order.phase is not OrderPhase.REFUSED:
        return Outcome.NOT_FILLED
    # Without a deadline it was no order: it says that, and why, none was sent.
    return Outcome.REFUSED if order.deadline_ns else Outcome.GIVEN_UP


def average_price(order: CopyOrder) -> Decimal | None:
    """Return what one unit of the base asset cost, in the quote asset; None if nothing was filled."""
    return order.cost / order.executed if order.executed else None


def slippage(order: CopyOrder) -> Decimal | None:
    """Return by which fraction *order* was filled worse than the master (below 0: better); None if it is not filled."""
    price = average_price(order)
    if price is None or not order.reference:
        return None
    worse = price - order.reference if order.side == "buy" else order.reference - price
    return worse / order.reference


def due_again(orders: Iterable[CopyOrder], lines: Iterable[Line]) -> frozenset[str]:
    """Return the names of those *orders* that did not come to be and whose lines still want what they were for.

    Only the newest order of a line can be one. An entry that was given up is not wanted any more; what is to be sold is
    tried again and again.
    """
    newest: dict[LineKey, CopyOrder] = {}
    for order in orders:
        before = newest.get(order.line)
        if not order.mirrors and (before is None or _turn(before) <= _turn(order)):
            newest[order.line] = order
    return frozenset(
        newest[line.key].cl_ord_id for line in lines if line.key in newest and _is_due(newest[line.key], line)
    )


def _turn(order: CopyOrder) -> tuple[int, int]:
    return order.planned_ns, order.attempt


def _is_due(order: CopyOrder, line: Line) -> bool:
    missing = line.wanted - line.held if order.side == "buy" else line.held - line.wanted
    return outcome_of(order) is Outcome.REFUSED and missing >= order.volume


def write_receipts(
    fills: Mapping[tuple[str, str], MasterFill],
    decisions: Iterable[tuple[Decision, str]],
    orders: Mapping[str, CopyOrder],
    due: Container[str] = (),
) -> list[Receipt]:
    """Return the receipts, oldest first.

    Parameters:
        fills: by master and exec id.
        decisions: each with the cl_ord_id of the order that took it in, or nothing.
        orders: by cl_ord_id.
        due: the names of orders that are to be sent again, see `due_again`.
    """
    receipts, named = [], set()
    for decision, name in decisions:
        named.add(name)
        user, master, pair = decision.line
        fill = fills.get((master, decision.exec_id))
        receipts.append(Receipt(user, master, pair, fill, decision, orders.get(name), name in due))
    for name, order in orders.items():
        if name not in named:
            fill = fills.get((order.line.master, order.exec_id))
            receipts.append(Receipt(*order.line, fill, None, order, name in due))
    return sorted(receipts, key=lambda receipt: (receipt.at_ns, receipt.user))
