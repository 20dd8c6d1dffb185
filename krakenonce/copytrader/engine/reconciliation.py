"""Targets against what is held against what the accounts really have, to the lot."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, floor_to_lot, subtract
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drift import holders, missing
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.records import LineKey


@dataclass(frozen=True, slots=True)
class Drift:
    """One line that is not where it should be. Volumes in the base asset, in whole lots but for *missing*.

    Attributes:
        line: whose and where.
        wanted, held: the target, and what copies have bought and not sold again.
        on_the_way: what an order that has not ended may still change: below 0 for selling.
        missing: what is held by this user's lines of that asset and not in his account.
        reason: why it is not mended by itself right now; empty if it is being mended.
    """

    line: LineKey
    wanted: Decimal
    held: Decimal
    on_the_way: Decimal
    missing: Decimal
    reason: str


def drift_of(board: Board, member: Member) -> list[Drift]:
    """Return every line of *member* that is more than a lot from its target, or whose coins are not all there."""
    found = [_drift(board, member, track) for track in member.tracks.values()]
    return [drift for drift in found if drift is not None]


def _drift(board: Board, member: Member, track: Track) -> Drift | None:
    line, rules = track.line, board.setting.rules.get(track.line.key.pair)
    if rules is None:
        return Drift(line.key, line.wanted, line.held, ZERO, ZERO, track.waiting) if line.held or line.wanted else None
    wanted, held = floor_to_lot(line.wanted, rules.lot_decimals), line.held
    gone = missing(board, member, rules.base) if track in holders(board, member, rules.base) else ZERO
    if wanted == held and not gone:
        return None
    order = track.order
    volume = ZERO if order is None else order.volume
    coming = volume if order is None or order.side == "buy" else subtract(ZERO, volume)
    return Drift(line.key, wanted, held, coming, gone, track.waiting)
