"""Fills between being heard of and being delivered: in order, and not before it is known what is missing. Pure.

While everything is told in turn, a fill can go on in the turn of the event loop in which it came. Behind a gap fills
are held until the gap is closed, because what a later fill means depends on the earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from decimal import Decimal

from krakenonce.copytrader.feed.sieve import Sieve
from krakenonce.copytrader.records import MasterFill

Volumes = Callable[[str], tuple[bool, Decimal | None]]
"""Returns whether the volume of an order is as known as it ever will be, and what it is."""


class Intake:
    """Holds fills and gives them out. One owner.

    Parameters:
        sieve: what is new.
        volumes: see `Volumes`: a fill waits until the volume of its order was looked for.

    Attributes:
        in_doubt: whether something may be missing before what is heard now.
    """

    def __init__(self, sieve: Sieve, volumes: Volumes) -> None:
        self._sieve, self._volumes = sieve, volumes
        self._held: list[MasterFill] = []
        self._queue: list[MasterFill] = []
        self._settled: set[str] = set()
        self.in_doubt = True

    @property
    def since_ns(self) -> int:
        """From when on the books have to be read."""
        return self._sieve.since_ns

    @property
    def held(self) -> tuple[MasterFill, ...]:
        """What is held back."""
        return tuple(self._held)

    @property
    def is_quiet(self) -> bool:
        """True if every fill that is known of has been given out, and none is missing before what is heard now."""
        return not self.in_doubt and not self._queue

    def hear(self, fill: MasterFill) -> bool:
        """Take in a fill from the stream; return whether it was new."""
        if not self._sieve.take(fill.exec_id, fill.filled_ns):
            return False
        if self.in_doubt:
            self._held.append(fill)
        else:
            self._let_go([fill])
        return True

    def read(self, fills: Collection[MasterFill], held_before: Iterable[MasterFill]) -> int:
        """Take in what the books show; return how many of it were new.

        Parameters:
            fills: everything since `since_ns`.
            held_before: what was held already when the books were asked: nothing can be missing before that any more.
        """
        new = [fill for fill in fills if self._sieve.take(fill.exec_id, fill.filled_ns)]
        before = {fill.exec_id for fill in held_before}
        freed = [fill for fill in self._held if fill.exec_id in before]
        self._held = [fill for fill in self._held if fill.exec_id not in before]
        self._let_go(sorted(new + freed, key=_in_time))
        if fills:
            self._sieve.have_read(max(fill.filled_ns for fill in fills))
        return len(new)

    def clear(self) -> None:
        """Nothing is missing: what is held may go, in the order in which it happened."""
        self.in_doubt = False
        held, self._held = self._held, []
        self._let_go(sorted(held, key=_in_time))

    def proves(self, exec_id: str, filled_ns: int) -> bool:
        """Return whether a snapshot that reaches back to this fill leaves no gap before it."""
        return exec_id in self._settled or filled_ns < self._sieve.since_ns

    def unknown_orders(self) -> list[str]:
        """Return the orders whose volume has to be asked for before their fills can go."""
        return list({fill.order_txid: None for fill in self._queue if not self._volumes(fill.order_txid)[0]})

    def ready(self) -> list[MasterFill]:
        """Give out what may be delivered now, in its order."""
        out: list[MasterFill] = []
        for fill in self._queue:
            is_known, volume = self._volumes(fill.order_txid)
            if not is_known:
                break
            out.append(replace(fill, order_volume=volume))
        del self._queue[: len(out)]
        return out

    def _let_go(self, fills: list[MasterFill]) -> None:
        self._queue += fills
        self._settled.update(fill.exec_id for fill in fills)
        if len(self._settled) > 2 * len(self._sieve) + 100:
            self._settled = {exec_id for exec_id in self._settled if exec_id in self._sieve}


def _in_time(fill: MasterFill) -> tuple[int, str]:
    return fill.filled_ns, fill.exec_id
