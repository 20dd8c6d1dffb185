"""Which fills were taken already. State without I/O; belongs to one event loop."""

from __future__ import annotations

from collections.abc import Iterable

from krakenonce.copytrader.journal.statements import RECENT_NS
from krakenonce.copytrader.records import MasterFill

MOST = 20_000
"""How many fills may be remembered before those are forgotten that the journal has to be asked for."""


class KnownFills:
    """The ids of one master's recent fills.

    Parameters:
        fills: those of the journal that are recent.
        since_ns: before that, by the exchange's clock, nothing of his counts: copying had not begun.
    """

    def __init__(self, fills: Iterable[MasterFill], since_ns: int) -> None:
        self.since_ns = since_ns
        self._seen = {fill.exec_id: fill.filled_ns for fill in fills}
        self.newest_ns = max(self._seen.values(), default=0)
        # What is older than that may be in the journal without being known here.
        self._horizon_ns = min(self._seen.values(), default=0) if self._seen else 0

    def add(self, fill: MasterFill) -> None:
        """Note that *fill* is taken."""
        self._seen[fill.exec_id] = fill.filled_ns
        self.newest_ns = max(self.newest_ns, fill.filled_ns)
        if len(self._seen) > MOST:
            self._forget()

    def has(self, fill: MasterFill) -> bool:
        """Return whether *fill* is known to be taken."""
        return fill.exec_id in self._seen

    def knows(self, exec_id: str) -> bool:
        """Return whether the fill with this id is known to be taken."""
        return exec_id in self._seen

    def is_older_than_memory(self, fill: MasterFill) -> bool:
        """Return whether only the journal can say if *fill* was taken."""
        return fill.filled_ns < self._horizon_ns

    def is_before_everything(self, fill: MasterFill) -> bool:
        """Return whether *fill* happened before copying this master had begun."""
        return fill.filled_ns < self.since_ns

    def _forget(self) -> None:
        horizon_ns = self.newest_ns - RECENT_NS
        self._seen = {exec_id: at_ns for exec_id, at_ns in self._seen.items() if at_ns >= horizon_ns}
        self._horizon_ns = max(self._horizon_ns, horizon_ns)
