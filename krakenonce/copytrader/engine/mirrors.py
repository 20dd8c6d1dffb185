"""Mode orders: the master's resting orders on every follower's line. Into drafts; synchronous."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from krakenonce.copytrader import lines
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.figures import Figures, cost_aside
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.mirroring import Mirror, Place, answers, hearing, steering
from krakenonce.copytrader.mirroring.text import as_text
from krakenonce.copytrader.policy import CopyMode
from krakenonce.copytrader.records import LineKey, MasterFill, MasterOrderEvent, OrderStep


def hear(
    board: Board, figures: Figures, events: Sequence[MasterOrderEvent], draft: Draft, only: Member | None = None
) -> None:
    """Have all who mirror orders (or *only* one of them) take note of *events*, oldest first."""
    for event in events:
        for member in board.roster.followers(event.master):
            if only not in (None, member):
                continue
            if member.policy.mode is CopyMode.ORDERS and event.pair in board.setting.rules:
                _hear(board, figures, member, event, draft)


def _hear(board: Board, figures: Figures, member: Member, event: MasterOrderEvent, draft: Draft) -> None:
    track = member.track(LineKey(member.name, event.master, event.pair))
    rules = board.setting.rules[event.pair]
    fill = _as_fill(event)
    around = (track.line, member.policy, rules, figures.circumstances(member, track, fill, rules, fill.price))
    mirror = track.mirrors.get(event.order_txid)
    if mirror is not None:
        keep(member, track, hearing.heard(mirror, event, *around), draft)
    elif event.step is not OrderStep.SHOWN:
        adopted = hearing.adopt(event, board.book(event.master).filled(event.order_txid), *around)
        if adopted is not None:
            keep(member, track, adopted, draft)
    if event.step not in hearing.OVER:
        _stands(member, track, event.order_txid, draft)


def open_orders_are(
    board: Board, master: str, txids: Collection[str], draft: Draft, only: Member | None = None
) -> None:
    """Take note that *txids* are all open orders of *master*: what all (or *only* one) mirror besides is over."""
    for member in board.roster.followers(master) if only is None else [only]:
        for track in member.tracks.values():
            for mirror in list(track.mirrors.values()):
                if track.line.key.master == master and not mirror.over:
                    keep(member, track, hearing.gone(mirror, txids), draft)
                    if mirror.order_txid in txids:
                        _stands(member, track, mirror.order_txid, draft)


def unheard(board: Board, master: str) -> None:
    """Take note that the stream of *master* is away: which of his orders stand is not known until it is back."""
    for member in board.roster.followers(master):
        for track in member.tracks.values():
            if track.line.key.master == master:
                track.standing.clear()


def _stands(member: Member, track: Track, txid: str, draft: Draft) -> None:
    """Take note that a mirrored order of the master's is open: now a user's order may be placed for it."""
    if txid in track.mirrors and txid not in track.standing:
        track.standing.add(txid)
        draft.touch(member, track)


def end_all(member: Member, draft: Draft) -> None:
    """Have every mirrored order of *member* cancelled: he does not mirror any more."""
    for track in member.tracks.values():
        for mirror in list(track.mirrors.values()):
            keep(member, track, replace(mirror, over=True), draft)


def keep(member: Member, track: Track, mirror: Mirror, draft: Draft) -> None:
    """Remember *mirror* as it stands now, and have it written."""
    before = track.mirrors.get(mirror.order_txid)
    if before == mirror:
        return
    if before is not None:
        done = mirror.executed - before.executed
        track.line = lines.executed(track.line, mirror.side, done) if done > 0 else track.line
    track.mirrors[mirror.order_txid] = mirror
    draft.touch(member, track)
    draft.mirrors[track.line.key, mirror.order_txid] = as_text(mirror)


def progress(member: Member, track: Track, draft: Draft) -> None:
    """Take note of what open mirrored orders have executed, as far as it is told."""
    if not track.mirrors:
        return
    for mirror in list(track.mirrors.values()):
        if mirror.is_live and mirror.order is not None:
            name = mirror.order.cl_ord_id
            keep(member, track, answers.progressed(mirror, name, member.account.executed(name)), draft)


def steer(board: Board, member: Member, track: Track, draft: Draft) -> None:
    """Note in *draft* what is to be done for the mirrors of *track* now, and forget those that are settled."""
    if not track.mirrors:
        return
    progress(member, track, draft)
    for txid, mirror in list(track.mirrors.items()):
        step = None if txid in track.resting else steering.next_step(mirror, _around(board, member, track, txid))
        if step is not None:
            keep(member, track, steering.taken(mirror, step), draft)
            draft.steps.append((member, track, txid, step))
            if isinstance(step, Place):
                _set_aside(board, member, step, draft)
        elif steering.is_settled(mirror):
            del track.mirrors[txid]
            track.standing.discard(txid)
            draft.mirrors[track.line.key, txid] = ""


def _set_aside(board: Board, member: Member, step: Place, draft: Draft) -> None:
    rules = board.setting.rules[step.order.line.pair]
    member.purse.set_aside(step.order.cl_ord_id, *cost_aside(step.order, rules, board.setting.fee_rate))
    draft.note(step.order)


def _around(board: Board, member: Member, track: Track, txid: str) -> steering.Surroundings:
    key, setting = track.line.key, board.setting
    others = [mirror for other, mirror in track.mirrors.items() if other != txid]
    return steering.Surroundings(
        line=track.line,
        position=board.book(key.master).holding(key.pair).position,
        policy=member.policy,
        rules=setting.rules[key.pair],
        now_ns=setting.exchange_ns(),
        state=board.standing(member).state,
        bound=steering.bound(others),
        planned_ns=setting.clock.wall_ns(),
        stands=txid in track.standing,
    )


def _as_fill(event: MasterOrderEvent) -> MasterFill:
    price = event.limit if event.limit is not None else event.trigger
    used = Decimal(0) if price is None else price
    return MasterFill(
        event.master, event.order_txid, event.order_txid, event.pair, event.side, event.volume, used,
        event.happened_ns, event.received_ns, event.volume,
    )  # fmt: skip
