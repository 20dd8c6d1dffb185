"""One fan-out: fills come in, everybody who follows decides, what is due is planned. Synchronous, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from krakenonce.copytrader import lines
from krakenonce.copytrader.deciding import decide, skip
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.drift import take_away
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.mirrors import keep, progress, steer
from krakenonce.copytrader.engine.planning import is_held_up, plan
from krakenonce.copytrader.engine.tracks import UNKNOWN, Track
from krakenonce.copytrader.guards.reasons import Reason, say
from krakenonce.copytrader.journal.records import FillRow
from krakenonce.copytrader.mapping import Route, Unmapped, route, target_of
from krakenonce.copytrader.mirroring.hearing import decided_fill, moved
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.records import Decision, Kind, LineKey, MasterFill


def sweep(board: Board, figures: Figures, fills: Sequence[MasterFill], draft: Draft) -> None:
    """Have everybody decide on *fills*, which are new, and plan what is due into *draft*."""
    for fill in fills:
        row = FillRow(fill, board.take(fill, draft))
        draft.fills.append(row)
        for member in board.roster.followers(fill.master):
            decide_for(board, figures, member, row, draft)
    plan_all(board, figures, draft)


def plan_all(board: Board, figures: Figures, draft: Draft) -> None:
    """Plan what is due on the lines that *draft* touches; wake those who are at it already."""
    for member, track in list(draft.touched.values()):
        steer(board, member, track, draft)
        if track.is_idle:
            waiting = plan(board, figures, member, track, draft)
            if is_held_up(waiting):
                draft.held_up.append((member, track))
        else:
            track.news.set()


def decide_for(board: Board, figures: Figures, member: Member, row: FillRow, draft: Draft) -> None:
    """Have *member* decide on one fill, into *draft*, unless he or another worker for him has done so lately."""
    fill = row.fill
    if not member.decide_on(fill.master, fill.exec_id):
        return
    way = _way(board, member, fill)
    if isinstance(way, Unmapped):
        key = LineKey(member.name, fill.master, fill.pair)
        _file(board, member, member.track(key), skip(fill, member.track(key).line, way.reason, _now(board)), draft)
        return
    track = member.track(LineKey(member.name, fill.master, way.pair))
    decision = _decided(board, figures, member, track, row, way, draft)
    _file(board, member, track, decision, draft)
    if decision.kind is not Kind.SKIP:
        before = figures.value(track)
        _move(member, track, decision, row, draft)
        figures.changed(track, before)


def _decided(
    board: Board, figures: Figures, member: Member, track: Track, row: FillRow, way: Route, draft: Draft
) -> Decision:
    fill, rules = row.fill, board.setting.rules[way.pair]
    if fill.side == "sell":
        take_away(board, member, rules.base, draft)
    progress(member, track, draft)
    circumstances = figures.circumstances(member, track, fill, rules, way.price)
    mirror = track.mirrors.get(fill.order_txid)
    if mirror is None:
        return decide(fill, track.line, row.change, member.policy, rules, circumstances)
    decision = decided_fill(mirror, fill, track.line, row.change, member.policy, rules, circumstances)
    keep(member, track, moved(mirror, fill, decision), draft)
    return decision


def _move(member: Member, track: Track, decision: Decision, row: FillRow, draft: Draft) -> None:
    track.line = lines.apply(track.line, decision)
    track.exec_id, track.attempt, track.reference = row.fill.exec_id, 0, decision.price
    track.tries = track.left = 0
    track.owing = draft.token if track.owing in (None, draft.token) else UNKNOWN
    if decision.kind is Kind.ENTRY:
        track.entered_ns, track.purpose = row.fill.filled_ns, None
    draft.touch(member, track)


def _file(board: Board, member: Member, track: Track, decision: Decision, draft: Draft) -> None:
    draft.decisions.append(decision)
    if decision.kind is Kind.SKIP:
        pair = track.line.key.pair
        board.tell(Event.SKIP, member.name, decision.reason, pair=pair, exec_id=decision.exec_id)


def _way(board: Board, member: Member, fill: MasterFill) -> Route | Unmapped:
    rules, mapping = board.setting.rules, member.policy.mapping
    if fill.pair not in rules:
        return Unmapped(say(Reason.UNMAPPED, f"the exchange lists no pair {fill.pair}"))
    if not mapping and fill.side == "buy":
        return Route(fill.pair, fill.price)  # as `route` says: by far the most, and one for each user
    rate = None
    target = target_of(fill.pair, mapping)
    if target is not None and target != fill.pair:
        rate = board.setting.quotes.rate(rules[fill.pair].quote, rules[target].quote)
    held = member.held_pairs(fill.master) if fill.side == "sell" else ()
    return route(
        fill.pair, fill.side, fill.price, mapping, rules, rate=rate, now_ns=board.setting.clock.wall_ns(), held=held
    )


def _now(board: Board) -> int:
    return board.setting.exchange_ns()
