"""Where an earlier run stopped: what it left open is taken up, before anything new is sent for that line."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from krakenonce.copytrader import lines
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.entries import MINUTE_NS
from krakenonce.copytrader.engine.figures import cost_aside
from krakenonce.copytrader.engine.known import KnownFills
from krakenonce.copytrader.engine.members import Member, Seat
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.journal.records import EVERYBODY, LineRow, Snapshot, Standing, State
from krakenonce.copytrader.journal.statements import RECENT_NS
from krakenonce.copytrader.mirroring.text import from_text
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import CopyOrder, Purpose

log = logging.getLogger("krakenonce")

_ENTRIES = """SELECT o.user_name, o.planned_ns FROM copy_fills f JOIN copy_orders o ON o.exec_id = f.exec_id
    WHERE f.filled_ns >= ? AND o.purpose = 'entry' AND o.deadline_ns > 0 AND o.planned_ns > ? AND o.planned_ns < ?"""


class Recollection:
    """What the journal knew when it was loaded, ready to be handed out user by user."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def resume(self, board: Board) -> None:
        """Go on with the masters' books and with what holds for everybody."""
        board.resume(self._snapshot.masters)
        for master in {fill.master for fill in self._snapshot.fills}:
            board.book(master).recall(fill for fill in self._snapshot.fills if fill.master == master)
        board.everybody = self._standing(EVERYBODY)

    def known(self, master: str, since_ns: int) -> KnownFills:
        """Return the recent fills of *master*, who is copied since *since_ns*, or since the journal says."""
        began_ns = int(self._snapshot.meta.get(_began(master), since_ns))
        return KnownFills((fill for fill in self._snapshot.fills if fill.master == master), began_ns)

    def member(self, board: Board, seat: Seat) -> Member:
        """Return the user of *seat* as the journal left him: lines, open orders, standing, whom he follows."""
        name = seat.account.name
        member = Member(seat.account, seat.policy, self._standing(name))
        if member.standing.state is State.LEAVING:
            member.leaving = Leaving(member.standing.reason.rpartition(" ")[2] or Leaving.CLOSE_WITH_MASTER.value)
        for row in self._snapshot.lines:
            if row.line.key.user == name:
                member.keep(_track(board, member, row))
        member.follows = {row.master for row in self._snapshot.follows if row.user == name}
        for order in self._snapshot.orders:
            if order.line.user == name and not order.mirrors:
                _take_up(board, member, order)
        self._mirrors(board, member)
        return member

    def _mirrors(self, board: Board, member: Member) -> None:
        orders = {(order.line, order.mirrors): order for order in self._snapshot.orders if order.mirrors}
        for row in self._snapshot.mirrors:
            if row.line.user == member.name:
                track = member.track(row.line)
                member.keep(track)
                order = orders.get((row.line, row.order_txid))
                track.mirrors[row.order_txid] = from_text(row.mirror, order)
                if order is not None:
                    _set_aside(board, member, order)

    def _standing(self, user: str) -> Standing:
        return next((one for one in self._snapshot.standings if one.user == user), Standing(user))


async def recall_entries(board: Board, journal: Journal, members: Iterable[Member], began_ns: int) -> None:
    """Count the entries of *members* that were planned in the last minute before *began_ns*, by an earlier run.

    Raises:
        StoreUnavailable: the journal can't be read.
    """
    horizon_ns = max((known.newest_ns for known in board.known.values()), default=0) - RECENT_NS
    planned: dict[str, list[int]] = {}
    for user, at_ns in await journal.select(_ENTRIES, (horizon_ns, began_ns - MINUTE_NS, began_ns)):
        planned.setdefault(user, []).append(at_ns)
    for member in members:
        member.entries.recall(planned.get(member.name, ()))
        board.entries.recall(planned.get(member.name, ()))


def began(master: str, at_ns: int) -> Mapping[str, str]:
    """Return what is written down of the moment when copying *master* began."""
    return {_began(master): str(at_ns)}


def _began(master: str) -> str:
    return f"began:{master}"


def _track(board: Board, member: Member, row: LineRow) -> Track:
    everybody_out = board.everybody.state is State.HARD_STOP
    closing = everybody_out or member.standing.state is State.HARD_STOP or member.leaving is Leaving.CLOSE
    # Who was not there when everybody was stopped is closed now.
    line = lines.closed(row.line) if everybody_out else row.line
    purpose = Purpose.CLOSE if closing else None
    return Track(line, row.exec_id, row.attempt, row.reference, row.entered_ns, purpose=purpose)


def _set_aside(board: Board, member: Member, order: CopyOrder) -> None:
    rules = board.setting.rules.get(order.line.pair)
    if rules is not None:
        member.purse.set_aside(order.cl_ord_id, *cost_aside(order, rules, board.setting.fee_rate))


def _take_up(board: Board, member: Member, order: CopyOrder) -> None:
    track = member.track(order.line)
    member.keep(track)
    track.order, track.is_left_over = order, True
    _set_aside(board, member, order)
    log.warning("%s: an earlier run left %s open; finding out what became of it", member.name, order.cl_ord_id)
