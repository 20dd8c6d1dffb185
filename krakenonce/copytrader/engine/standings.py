"""Who is copied and who is not: failures, losses, pauses, stops. Changes of standing, into a draft. Synchronous."""

from __future__ import annotations

from decimal import Decimal

from krakenonce.copytrader import lines
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.guards.failures import failed, succeeded
from krakenonce.copytrader.guards.losses import looked
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.records import Purpose

_EVENTS = {
    State.ACTIVE: Event.RESUME,
    State.PAUSED: Event.PAUSE,
    State.SOFT_STOP: Event.STOP,
    State.HARD_STOP: Event.STOP,
    State.KILLED: Event.KILL,
    State.LEAVING: Event.PAUSE,
    State.LEFT: Event.PAUSE,
}


def count_failure(board: Board, member: Member, why: str, draft: Draft) -> None:
    """Note that a copy of *member* has failed for good; pause him if that was one too many."""
    now_ns = board.setting.clock.wall_ns()
    place(board, member, failed(member.standing, member.policy.guards, why, now_ns), draft)
    board.tell(Event.FAILURE, member.name, why)


def count_success(member: Member, draft: Draft) -> None:
    """Note that a copy of *member* has reached the exchange."""
    draft.mark_standing(member, succeeded(member.standing))


def judge_losses(board: Board, member: Member, equity: Decimal, draft: Draft) -> None:
    """Take a look at what *member* has lost; stop him if a limit is reached."""
    before = member.standing
    after = looked(before, member.policy.guards, equity, board.setting.clock.wall_ns())
    place(board, member, after, draft)
    if after.state is State.HARD_STOP and before.state is not State.HARD_STOP:
        close_all(member, draft)


def place(board: Board, member: Member, standing: Standing, draft: Draft) -> None:
    """Give *member* another standing, and say so if his state is another."""
    changed = standing.state is not member.standing.state
    draft.mark_standing(member, standing)
    if changed:
        board.tell(_EVENTS[standing.state], member.name, standing.reason or standing.state.value)


def place_everybody(board: Board, standing: Standing, draft: Draft) -> None:
    """Give everybody together another standing, and say so."""
    board.everybody = standing
    draft.standings[standing.user] = standing
    board.tell(_EVENTS[standing.state], standing.user, standing.reason or standing.state.value)


def close_all(member: Member, draft: Draft) -> None:
    """Have everything sold that was copied for *member*."""
    for track in member.tracks.values():
        if track.line.held or track.line.wanted:
            track.line = lines.closed(track.line)
            track.purpose, track.tries = Purpose.CLOSE, 0
            draft.touch(member, track)
