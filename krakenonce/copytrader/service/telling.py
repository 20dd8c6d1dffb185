"""One line in the log for each copy that has ended: what a terminal shows while copying runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import Changes
from krakenonce.copytrader.records import CopyOrder, OrderPhase
from krakenonce.copytrader.report import words
from krakenonce.copytrader.report.receipts import Outcome, average_price, outcome_of, slippage

log = logging.getLogger("krakenonce")


class CopyLog:
    """Says what has ended, as the journal is told of it.

    Parameters:
        names: how people call each pair, by key.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def watch(self, changes: Changes, written: asyncio.Future[frozenset[str]]) -> None:
        """Have the orders in *changes* that have ended told, once they are written."""
        ended = [order for order in changes.orders if order.phase in (OrderPhase.DONE, OrderPhase.REFUSED)]
        if ended and log.isEnabledFor(logging.INFO):
            written.add_done_callback(lambda _: self._tell(ended))

    def _tell(self, ended: list[CopyOrder]) -> None:
        for order in ended:
            log.info("%s", self.line(order))

    def line(self, order: CopyOrder) -> str:
        """Return what became of *order*, in one line."""
        pair = self._names.get(order.line.pair, order.line.pair)
        asked = f"{order.line.user}: {order.side} {words.number(order.volume)} {pair}"
        outcome = outcome_of(order)
        if outcome in (Outcome.REFUSED, Outcome.GIVEN_UP, Outcome.NOT_FILLED):
            return f"{asked}: {outcome.value}{f' ({order.reason})' if order.reason else ''}"
        price = average_price(order)
        shown = words.number(None if price is None else round(price, 8))
        dry = ", on paper" if order.path == "dry" else ""
        part = f", {words.number(order.executed)} of it" if outcome is Outcome.PARTLY else ""
        return f"{asked} at {shown}{part} ({words.basis_points(slippage(order))} bp against {order.line.master}{dry})"


class ToldJournal:
    """A journal that tells *copies* of everything it writes. For the rest it is the journal itself."""

    def __init__(self, journal: Journal, copies: CopyLog) -> None:
        self._copies = copies
        self.load, self.undecided, self.select, self.close = (
            journal.load, journal.undecided, journal.select, journal.close,
        )  # fmt: skip
        self._journal = journal

    def commit(self, changes: Changes) -> asyncio.Future[frozenset[str]]:
        """Write *changes*; see `krakenonce.copytrader.engine.protocols.Journal`."""
        written = self._journal.commit(changes)
        self._copies.watch(changes, written)
        return written
