"""From a line to its next order, planned into a draft. Synchronous, no I/O."""

from __future__ import annotations

from krakenonce.copytrader import lines
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.figures import Figures, cost_aside
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.guards.reasons import Reason, code_of, say
from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.ordering import GiveUp, Moment, Waiting, next_order
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import CopyOrder, OrderPhase, Purpose

HELD_UP = frozenset({Reason.NOTHING_AVAILABLE, Reason.MARKET_CLOSED, Reason.RATE, Reason.UNKNOWN_FIGURE})
"""What keeps an order from being planned only for a while; everything else waits for the line to change."""

KEPT = say(Reason.LEAVING, "what was copied stays as it is")
UNSEEN = say(Reason.UNKNOWN_FIGURE, "the account's balances are not known yet")
UNLISTED = "the exchange does not list the pair any more"


def plan(board: Board, figures: Figures, member: Member, track: Track, draft: Draft) -> Waiting | None:
    """Plan the next order of *track* into *draft*, if one is due and none is on its way.

    What is given up is written off, with an order in the journal that says why and was never sent.

    Returns:
        why there is none; None if there is one: it stands in ``track.order``, and money is set aside for it.
    """
    waiting = _plan(board, figures, member, track, draft)
    track.waiting = "" if waiting is None else waiting.reason
    return waiting


def is_held_up(waiting: Waiting | None) -> bool:
    """Return whether *waiting* passes by itself, so that planning has to be tried again after a pause."""
    return waiting is not None and code_of(waiting.reason) in HELD_UP


def _plan(board: Board, figures: Figures, member: Member, track: Track, draft: Draft) -> Waiting | None:
    rules = board.setting.rules.get(track.line.key.pair)
    if rules is None:
        return Waiting(UNLISTED)
    if member.leaving is Leaving.KEEP:
        return Waiting(KEPT)
    if not member.purse.is_known and lines.missing(track.line):
        return Waiting(UNSEEN)
    while True:
        moment = figures.moment(member, track, rules)
        found = next_order(track.line, member.policy, rules, moment)
        if isinstance(found, Waiting):
            return found
        if isinstance(found, GiveUp):
            _give_up(board, member, track, found, moment, draft)
            continue
        track.order, track.answer = found, None
        track.attempt += 1
        _note(board, member, track, found, draft)
        return None


def _note(board: Board, member: Member, track: Track, order: CopyOrder, draft: Draft) -> None:
    rules = board.setting.rules[order.line.pair]
    member.purse.set_aside(order.cl_ord_id, *cost_aside(order, rules, board.setting.fee_rate))
    if order.purpose is Purpose.ENTRY:
        member.entries.add(order.planned_ns)
        board.entries.add(order.planned_ns)
    if track.owing in (None, draft.token):
        draft.alone.add(order.cl_ord_id)
    track.owing = None
    draft.touch(member, track)
    draft.note(order)
    draft.planned.append((member, track))


def _give_up(board: Board, member: Member, track: Track, found: GiveUp, moment: Moment, draft: Draft) -> None:
    before = track.line
    track.line = lines.write_off(before, found.volume, moment.coming)
    if track.line == before:
        raise AssertionError(f"{before} has nothing to write off, and {found} was asked for")
    order = CopyOrder(
        cl_ord_id=order_name(before.key, track.exec_id, track.attempt),
        line=before.key,
        exec_id=track.exec_id,
        attempt=track.attempt,
        purpose=Purpose.ENTRY,
        side="buy",
        volume=found.volume,
        limit=None,
        deadline_ns=0,
        reference=moment.reference,
        phase=OrderPhase.REFUSED,
        reason=found.reason,
        planned_ns=moment.planned_ns,
        done_ns=moment.planned_ns,
    )
    track.attempt += 1
    draft.touch(member, track)
    draft.note(order)
    board.tell(Event.SKIP, member.name, found.reason, pair=before.key.pair, exec_id=track.exec_id)
