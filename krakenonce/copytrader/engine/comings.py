"""Users come and go while everybody else is copied on. Into drafts; synchronous."""

from __future__ import annotations

from dataclasses import replace

from krakenonce.copytrader.deciding import skip
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.standings import place
from krakenonce.copytrader.engine.sweep import decide_for
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.guards.reasons import Reason, code_of
from krakenonce.copytrader.joining import CatchUp, LeftAlone, join
from krakenonce.copytrader.journal.records import FillRow, FollowRow, State
from krakenonce.copytrader.leaving import is_over, left
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import Line, LineKey, MasterFill, Purpose


def enter(board: Board, figures: Figures, member: Member, draft: Draft) -> None:
    """Let *member* follow the masters of his policy: those he has not followed before, by his choice of joining."""
    if member.standing.state is State.LEAVING:
        return
    if member.standing.state is State.LEFT:
        now_ns = board.setting.clock.wall_ns()
        place(board, member, replace(member.standing, state=State.ACTIVE, reason="", since_ns=now_ns), draft)
        member.follows.clear()
    for master in member.policy.masters:
        if master not in member.follows:
            _follow(board, figures, member, master, draft)
    member.follows &= set(member.policy.masters)


def _follow(board: Board, figures: Figures, member: Member, master: str, draft: Draft) -> None:
    now_ns = board.setting.exchange_ns()
    draft.follows.append(FollowRow(member.name, master, board.known[master].newest_ns))
    member.follows.add(master)
    for pair, holding in board.book(master).holdings().items():
        price = board.setting.quotes.price(pair)
        found = join(member.policy.joining, master, pair, holding, price, now_ns=now_ns, joined_ns=now_ns)
        if isinstance(found, CatchUp):
            decide_for(board, figures, member, FillRow(found.fill, found.change), draft)
        else:
            _leave_alone(board, member, master, pair, found, draft)
    for member_, track in draft.touched.values():
        if member_ is member and not track.line.held:
            track.purpose = Purpose.SYNC


def _leave_alone(board: Board, member: Member, master: str, pair: str, found: LeftAlone, draft: Draft) -> None:
    now_ns = board.setting.exchange_ns()
    name = f"join-{now_ns}-{pair}"
    holding = board.book(master).holding(pair)
    price = board.setting.quotes.price(pair) or holding.average or holding.cost
    fill = MasterFill(master, name, name, pair, "buy", holding.position, price, now_ns, now_ns)
    line = Line(LineKey(member.name, master, pair))
    draft.decisions.append(skip(fill, line, found.reason, now_ns))


def depart(board: Board, member: Member, leaving: Leaving, draft: Draft) -> None:
    """Let *member* leave: no entries from now on, and *leaving* says what becomes of his positions."""
    member.leaving = leaving
    standing = replace(
        member.standing,
        state=State.LEAVING,
        reason=f"leaves: {leaving.value}",
        since_ns=board.setting.clock.wall_ns(),
    )
    place(board, member, standing, draft)
    if leaving is not Leaving.CLOSE_WITH_MASTER:
        member.follows.clear()
    for track in member.tracks.values():
        track.line = left(track.line, leaving)
        if leaving is Leaving.CLOSE:
            track.purpose, track.tries, track.left = Purpose.CLOSE, 0, 0
        draft.touch(member, track)


def has_left(member: Member) -> bool:
    """Return whether nothing is left to do for *member*, who leaves."""
    leaving = member.leaving
    if leaving is None:
        return False
    return all(_is_at_rest(track) and _is_done_with(track, leaving) for track in member.tracks.values())


def _is_at_rest(track: Track) -> bool:
    return track.is_idle and not any(mirror.is_live for mirror in track.mirrors.values())


def _is_done_with(track: Track, leaving: Leaving) -> bool:
    # What is too little to be sold stays his.
    return is_over(track.line, leaving) or code_of(track.waiting) is Reason.CARRIED


def bid_farewell(board: Board, member: Member, draft: Draft) -> None:
    """Have *member* left for good: what he kept is his own from now on."""
    for track in member.tracks.values():
        track.line = replace(track.line, wanted=track.line.held * 0, held=track.line.held * 0)
        draft.touch(member, track)
    place(board, member, replace(member.standing, state=State.LEFT, reason="has left"), draft)
