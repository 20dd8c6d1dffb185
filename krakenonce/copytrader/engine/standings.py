"""Who is copied and who is not: failures, losses, pauses, stops. Changes of standing, into a draft. Synchronous."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from krakenonce.copytrader import lines
from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.guards.failures import failed, succeeded
from krakenonce.copytrader.guards.losses import looked, transferred
from krakenonce.copytrader.guards.together import judged
from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.records import Purpose

_STOPPED = frozenset({State.PAUSED, State.SOFT_STOP, State.HARD_STOP})
_EVENTS = {
    State.ACTIVE: Event.RESUME,
    State.PAUSED: Event.PAUSE,
    State.SOFT_STOP: Event.STOP,
    State.HARD_STOP: Event.STOP,
    State.KILLED: Event.KILL,
    State.LEAVING: Event.PAUSE,
    State.LEFT: Event.PAUSE,
}


def count_failure(board: Board, member: Member, why: str, draft: Draft, *, is_repeat: bool = False) -> None:
    """Note that a copy of *member* has failed for good; pause him, or everybody, if that was one too many.

    Parameters:
        is_repeat: True if the same was tried before: one user's exit that is tried again and again pauses him alone.
    """
    now_ns, guards = board.setting.clock.wall_ns(), board.setting.guards
    place(board, member, failed(member.standing, member.policy.guards, why, now_ns), draft)
    board.tell(Event.FAILURE, member.name, why)
    if guards is not None and guards.max_failures is not None and not is_repeat:
        place_everybody(board, failed(board.everybody, guards, f"{member.name}: {why}", now_ns), draft)


def count_success(board: Board, member: Member, draft: Draft) -> None:
    """Note that a copy of *member* has reached the exchange."""
    draft.mark_standing(member, succeeded(member.standing))
    if board.everybody.failures:
        place_everybody(board, succeeded(board.everybody), draft)


def judge_losses(board: Board, member: Member, equity: Decimal, draft: Draft, moved: Decimal = ZERO) -> None:
    """Take a look at what *member* has lost, and all together; stop him, or everybody, if a limit is reached.

    Parameters:
        equity: his, in the currency of the config; moved: what of it he has paid in (below 0: out) since the last look.
    """
    before = member.standing
    after = looked(transferred(before, moved), member.policy.guards, equity, board.setting.clock.wall_ns())
    place(board, member, after, draft)
    if after.state is State.HARD_STOP and before.state is not State.HARD_STOP:
        close_all(member, draft)
    if member.name in board.roster.members:
        judge_together(board, (member,), draft)


def judge_together(board: Board, looked_at: Iterable[Member], draft: Draft) -> None:
    """Take in what *looked_at*, who are copied, have lost; stop everybody if a limit for all together is reached."""
    guards, before = board.setting.guards, board.everybody
    if guards is None or (guards.daily_loss is None and guards.drawdown is None):
        return
    for member in looked_at:
        if member.equity is not None:
            board.losses.look(member.standing, member.equity)
    board.losses.keep_only({*board.roster.members, *board.elsewhere.standings})
    after = judged(before, guards, board.losses, board.setting.clock.wall_ns())
    if after.state is before.state:
        return
    place_everybody(board, after, draft)
    if after.state is State.HARD_STOP:
        for member in board.roster:
            close_all(member, draft)


def place(board: Board, member: Member, standing: Standing, draft: Draft) -> None:
    """Give *member* another standing, and say so if his state is another."""
    changed = standing.state is not member.standing.state
    draft.mark_standing(member, standing)
    if changed:
        _say(board, standing)


def place_everybody(board: Board, standing: Standing, draft: Draft) -> None:
    """Give everybody together another standing, and say so if the state is another."""
    before = board.everybody
    changed = standing.state is not before.state
    if changed:
        # As with users' standings: the journal takes no older one for a newer one.
        standing = replace(standing, since_ns=max(standing.since_ns, before.since_ns + 1))
    board.everybody = standing
    draft.standings[standing.user] = standing
    if changed:
        _say(board, standing)


def _say(board: Board, standing: Standing) -> None:
    board.tell(_EVENTS[standing.state], standing.user, standing.reason or standing.state.value)
    if standing.state in _STOPPED:
        board.stopped(standing.user)


def close_all(member: Member, draft: Draft) -> None:
    """Have everything sold that was copied for *member*."""
    for track in member.tracks.values():
        if track.line.held or track.line.wanted:
            track.line = lines.closed(track.line)
            track.purpose, track.tries, track.left = Purpose.CLOSE, 0, 0
            draft.touch(member, track)
