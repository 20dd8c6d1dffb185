"""What becomes of a line when its user stops copying. Pure.

Whatever is chosen: what was wanted and not bought yet is no longer wanted, and open copy orders are to be cancelled.
"""

from __future__ import annotations

from krakenonce.copytrader import lines
from krakenonce.copytrader.policy import Leaving
from krakenonce.copytrader.records import Line


def left(line: Line, leaving: Leaving) -> Line:
    """Return *line* after its user has said that he leaves.

    KEEP: what is held stays his; CLOSE: everything copied is to be sold; CLOSE_WITH_MASTER: what is held stays until
    the master sells: his sells are decided on as before, his buys are refused by the state LEAVING.
    """
    return lines.closed(line) if leaving is Leaving.CLOSE else lines.kept(line)


def is_over(line: Line, leaving: Leaving) -> bool:
    """Tell whether nothing is left to do for *line*: once that holds for all his lines, the user has left."""
    return leaving is Leaving.KEEP or not line.held
