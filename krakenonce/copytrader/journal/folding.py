"""The masters' positions as their fills fold them, where several workers write down both. Blocks; any thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from krakenonce.copytrader.journal import rows
from krakenonce.copytrader.journal.backend import Read
from krakenonce.copytrader.journal.records import MasterRow
from krakenonce.copytrader.journal.schema import FILLS
from krakenonce.copytrader.masterbook import MasterBook
from krakenonce.copytrader.records import MasterFill

_COUNTS = "SELECT master, pair, count(*) FROM copy_fills GROUP BY master, pair"
_ALL_FILLS = f"SELECT {FILLS} FROM copy_fills WHERE master = ? AND pair = ? ORDER BY filled_ns"  # noqa: S608 - constants


def masters_as_filled(masters: Iterable[MasterRow], read: Read) -> tuple[MasterRow, ...]:
    """Return *masters*; where not all fills are in a position yet, as all fills together make it.

    Of two workers that have heard two fills in another order, each has written a position with one of them, until each
    has heard the other one. Who reads the journal between the two would go on without a fill.
    """
    known = {(row.master, row.pair): row for row in masters}
    for master, pair, count in read(_COUNTS):
        row = known.get((master, pair))
        if row is None or row.fills != count:
            known[master, pair] = _folded([rows.fill_of(one).fill for one in read(_ALL_FILLS, (master, pair))])
    return tuple(known.values())


def _folded(fills: Sequence[MasterFill]) -> MasterRow:
    book, newest = MasterBook(), fills[-1]
    for fill in fills:
        book.take(fill)
    holding = book.holding(newest.pair)
    return MasterRow(newest.master, newest.pair, *holding, len(fills), newest.filled_ns)
