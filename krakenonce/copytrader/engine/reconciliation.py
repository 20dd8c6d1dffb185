"""Targets against what is held against what the accounts really have, to the lot."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from krakenonce.copytrader.amounts import ZERO, add, floor_to_lot, share, subtract
from krakenonce.copytrader.engine.board import Board
from krakenonce.copytrader.engine.drift import holders, missing
from krakenonce.copytrader.engine.figures import Figures
from krakenonce.copytrader.engine.members import Member
from krakenonce.copytrader.engine.planning import KEPT, UNLISTED, UNSEEN
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.guards.reasons import Reason, code_of, plain
from krakenonce.copytrader.journal.records import STOCK_FACT
from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.ordering import GiveUp, Waiting, next_order
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import CopyOrder, LineKey

log = logging.getLogger("krakenonce")


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


@dataclass(frozen=True, slots=True)
class Stock:
    """One line at a reconciliation: what it should hold, what it holds by the journal, and what is really there.

    Volumes are in the base asset.

    Attributes:
        line: whose and where.
        wanted: the target, to the last digit; target: the same in whole lots.
        held: what copies have bought and not sold again.
        there: what of that is in the account, own coins aside; None if the account could not be looked at.
        on_the_way: what an order that has not ended may still change: below 0 for selling.
        carried: True if what is missing is below the pair's minimum, and waits for more.
        step: what is done about it by the user's policy, in plain words; empty if nothing is to be done.
    """

    line: LineKey
    wanted: Decimal
    target: Decimal
    held: Decimal
    there: Decimal | None
    on_the_way: Decimal = ZERO
    carried: bool = False
    step: str = ""

    @property
    def drift(self) -> Decimal:
        """By how much more than the target is there: below 0 for less; in whole lots but for coins that are gone."""
        return subtract(self.held if self.there is None else self.there, self.target)

    @property
    def is_adrift(self) -> bool:
        """Whether something is wrong, or not known: neither an order on its way nor a small remainder explains it."""
        return self.there is None or (not self.carried and bool(add(self.drift, self.on_the_way)))


def take_stock(board: Board, figures: Figures, member: Member, *, is_seen: bool = True) -> list[Stock]:
    """Return every line of *member* that wants or holds anything. Changes nothing.

    Parameters:
        is_seen: whether his account could be looked at just now.
    """
    used = (track for track in member.tracks.values() if track.line.held or track.line.wanted)
    ranked = sorted(used, key=lambda track: track.line.key)
    return [_stock(board, figures, member, track, is_seen=is_seen) for track in ranked]


def tell_stock(board: Board, figures: Figures, members: Iterable[Member]) -> dict[str, str]:
    """Take stock of *members*, say what is adrift, and return what the journal is to remember of it, by name."""
    facts, at_ns = {}, board.setting.clock.wall_ns()
    positions = off = 0
    for member in members:
        stocks = take_stock(board, figures, member)
        adrift = [stock for stock in stocks if stock.is_adrift]
        for stock in adrift:
            details = {"pair": stock.line.pair, "drift": plain(stock.drift)}
            board.tell(Event.DRIFT, member.name, in_words(stock, _altname(board, stock)), **details)
        facts[f"{STOCK_FACT}{member.name}"] = f"{at_ns} {len(stocks)} {len(adrift)}"
        positions, off = positions + len(stocks), off + len(adrift)
    if positions:
        log.info("reconciled: %d of %d positions on target", positions - off, positions)
    return facts


def in_words(stock: Stock, pair: str) -> str:
    """Return what is the matter with *stock*; *pair* is what people call its pair."""
    there = "unknown" if stock.there is None else plain(stock.there)
    words = f"{pair}: the target is {plain(stock.target)}, {plain(stock.held)} by the journal, {there} on the exchange"
    return f"{words}; {stock.step}" if stock.step else words


def _stock(board: Board, figures: Figures, member: Member, track: Track, *, is_seen: bool) -> Stock:
    line, rules = track.line, board.setting.rules.get(track.line.key.pair)
    if rules is None:
        return Stock(line.key, line.wanted, line.wanted, line.held, None, step=UNLISTED)
    target, held = floor_to_lot(line.wanted, rules.lot_decimals), line.held
    if not is_seen or not member.purse.is_known:
        return Stock(line.key, line.wanted, target, held, None, _coming(track), step=UNSEEN)
    there = held
    gone = missing(board, member, rules.base) if held else ZERO
    if gone:
        together = sum((one.line.held for one in holders(board, member, rules.base)), ZERO)
        there = floor_to_lot(subtract(held, share(held, gone, together)), rules.lot_decimals)
        step = f"{plain(subtract(held, there))} are gone: taken off the books at the master's next sell, or by --mend"
        return Stock(line.key, line.wanted, target, held, there, step=step)
    if track.order is not None:
        return Stock(line.key, line.wanted, target, held, there, _coming(track), step=_under_way(track, track.order))
    found = next_order(line, member.policy, rules, figures.moment(member, track, rules))
    carried = isinstance(found, Waiting) and code_of(found.reason) is Reason.CARRIED
    return Stock(line.key, line.wanted, target, held, there, ZERO, carried, _step(found, member, is_off=target != held))


def _step(found: CopyOrder | Waiting | GiveUp, member: Member, *, is_off: bool) -> str:
    if isinstance(found, CopyOrder):
        return KEPT if member.leaving is Leaving.KEEP else f"{found.side} {plain(found.volume)}"
    if isinstance(found, Waiting) and not is_off:
        return ""
    if isinstance(found, GiveUp):
        return f"give up {plain(found.volume)} ({found.reason})"
    return "" if code_of(found.reason) is Reason.SETTLED else found.reason


def _under_way(track: Track, order: CopyOrder) -> str:
    words = f"{order.side} {plain(order.volume)}"
    return (
        f"{words}: an earlier run left it open; its end is found out first" if track.is_left_over else f"{words}: sent"
    )


def _coming(track: Track) -> Decimal:
    order = track.order
    if order is None:
        return ZERO
    return order.volume if order.side == "buy" else order.volume.copy_negate()


def _altname(board: Board, stock: Stock) -> str:
    rules = board.setting.rules.get(stock.line.pair)
    return stock.line.pair if rules is None else rules.altname
