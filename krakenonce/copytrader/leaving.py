"""What becomes of a line when its user stops copying. Pure.

Whatever is chosen: what was wanted and not bought yet is no longer wanted, and open copy orders are to be cancelled.
"""

from __future__ import annotations

from decimal import Decimal

from krakenonce.copytrader import lines
from krakenonce.copytrader.amounts import ZERO
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import Line


def left(line: Line, leaving: Leaving) -> Line:
    """Return *line* after its user has said that he leaves.

    KEEP: what is held stays his; CLOSE: everything copied is to be sold; CLOSE_WITH_MASTER: what is held stays until
    the master sells: his sells are decided on as before, his buys are refused by the state LEAVING.
    """
    return lines.closed(line) if leaving is Leaving.CLOSE else lines.kept(line)


def is_over(line: Line, leaving: Leaving, least: Decimal = ZERO) -> bool:
    """Tell whether nothing is left to do for *line*: once that holds for all his lines, the user has left.

    Parameters:
        line: as it stands, with no order on its way.
        leaving: what he has chosen.
        least: the smallest volume the pair allows (`sizing.minimums.smallest`); less than that cannot be sold.
    """
    return leaving is Leaving.KEEP or not line.held or line.held < least
