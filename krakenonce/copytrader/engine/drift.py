"""Coins that copies have bought and that are not there any more: their user has sold them, or moved them away."""

from __future__ import annotations

import logging
from decimal import Decimal

from krakenonce.copytrader import lines
from krakenonce.copytrader.amounts import ZERO, add, share, subtract
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.tracks import Track

log = logging.getLogger("krakenonce")


def take_away(board: Board, member: Member, asset: str, draft: Draft) -> None:
    """Take off the lines of *member* what of *asset* is not in his account any more, each line its share.

    Only what is certain counts: as long as an order of his with that asset is on its way, or has ended since the last
    look at his account, nothing is taken away.
    """
    gone = missing(board, member, asset)
    if gone <= 0:
        return
    tracks = holders(board, member, asset)
    held = _sum(tracks)
    log.warning("%s: %s of %s copied coins are not in the account any more", member.name, gone, asset)
    for track in tracks:
        left = subtract(track.line.held, share(track.line.held, gone, held))
        track.line = lines.taken_away(track.line, max(left, ZERO))
        draft.touch(member, track)


def missing(board: Board, member: Member, asset: str) -> Decimal:
    """Return how much of *asset* is held by the lines of *member* and not by his account; 0 if that is not certain."""
    tracks = holders(board, member, asset)
    total = member.purse.settled_total(asset)
    if total is None or any(track.order is not None for track in tracks):
        return ZERO
    return max(subtract(_sum(tracks), total), ZERO)


def holders(board: Board, member: Member, asset: str) -> list[Track]:
    """Return the lines of *member* that hold *asset* or have an order with it."""
    rules = board.setting.rules
    tracks = [track for key, track in member.tracks.items() if key.pair in rules and rules[key.pair].base == asset]
    return [track for track in tracks if track.line.held or track.order is not None]


def _sum(tracks: list[Track]) -> Decimal:
    total = ZERO
    for track in tracks:
        total = add(total, track.line.held)
    return total
