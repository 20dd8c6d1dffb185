"""An order of ours as it is acknowledged and as it ends, and what that does to its user's purse."""

from __future__ import annotations

from krakenonce.broker import Acknowledged
from krakenonce.copytrader.amounts import add, subtract
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.records import CopyOrder, OrderPhase
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Refused
from krakenonce.orders.records import OrderState
from krakenonce.orders.resolution import PASSING
from krakenonce.orders.sending import TOO_LATE

LATE = ("EGeneral:Invalid arguments:deadline", TOO_LATE)
"""What an order is refused with whose deadline is too near, here or there: nothing is wrong with the order itself."""

_PASSING = PASSING | {Action.PAUSE, Action.NEW_TOKEN}


class TurnedDown(Exception):
    """The exchange has refused an order. A signal inside the engine; *passing*: for a reason that passes."""

    def __init__(self, error: str, *, passing: bool) -> None:
        self.error, self.passing = error, passing
        super().__init__(error)


def acknowledged(order: CopyOrder, answer: Acknowledged | Refused) -> CopyOrder:
    """Return *order* as *answer* leaves it.

    Raises:
        TurnedDown: it was refused.
    """
    if not isinstance(answer, Refused):
        when_ns = answer.acknowledged_ns
        return order._replace(phase=OrderPhase.OPEN, txid=answer.txid, acknowledged_ns=when_ns)
    if answer.meaning.action is Action.LOOK:
        return order  # the name is taken: by this very order
    passing = answer.meaning.action in _PASSING or answer.error.startswith(LATE)
    raise TurnedDown(answer.error, passing=passing)


def closed(order: CopyOrder, state: OrderState, now_ns: int) -> CopyOrder:
    """Return *order* as it ended at the exchange."""
    return order._replace(
        phase=OrderPhase.DONE,
        txid=state.txid,
        executed=state.executed,
        cost=state.cost,
        fee=state.fee,
        reason=state.reason,
        acknowledged_ns=order.acknowledged_ns or now_ns,
        done_ns=now_ns,
    )


def refused(order: CopyOrder, why: str, now_ns: int) -> CopyOrder:
    """Return *order*, which does not exist and never will."""
    return order._replace(phase=OrderPhase.REFUSED, reason=why, done_ns=now_ns)


def book(board: Board, member: Member, order: CopyOrder) -> None:
    """Book what *order*, which has ended, has cost and brought in."""
    purse, rules = member.purse, board.setting.rules.get(order.line.pair)
    purse.release(order.cl_ord_id)
    if rules is None or not order.executed:
        return
    bought = order.side == "buy"
    purse.book(rules.base, order.executed if bought else -order.executed)
    purse.book(rules.quote, -add(order.cost, order.fee) if bought else subtract(order.cost, order.fee))
