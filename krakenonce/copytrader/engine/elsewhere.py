"""What the users of other workers hold and have lost, as far as the limits of all together are concerned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from krakenonce.copytrader.amounts import ZERO, add, share
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import EVERYBODY, LineRow, Standing, State
from krakenonce.copytrader.journal.rows import line_of, standing_of
from krakenonce.copytrader.journal.statements import ALL_LINES, ALL_META, ALL_STANDINGS

_EQUITY = "equity:"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The users who are copied by other workers, at the last look.

    Parameters:
        lines: theirs; standings: theirs, with the equity of each, in the currency of the config.
        own: how many users are copied here; whole: how many there are in all.
    """

    lines: tuple[LineRow, ...] = ()
    standings: Mapping[str, tuple[Standing, Decimal]] = field(default_factory=lambda: MappingProxyType({}))
    own: int = 1
    whole: int = 1

    def part(self, limit: int | None) -> int | None:
        """Return what of a *limit* for all together is left to the users here, rounded down; None for none."""
        return limit if limit is None or self.own >= self.whole else limit * self.own // self.whole

    def exposure(self, limit: Decimal | None, value: Callable[[LineRow], Decimal]) -> Decimal:
        """Return what counts as copied elsewhere, of a *limit* for all together: never less than the others' share.

        All workers decide on a fill at the same moment, and none knows yet what the others do. So each leaves them
        their part of the limit, by the number of its users: a user has one worker, and the parts never make more than
        the whole.

        Parameters:
            limit: in the currency of the config; value: returns what a line uses of it.
        """
        total = ZERO
        for row in self.lines:
            total = add(total, value(row))
        if limit is None or self.own >= self.whole:
            return total
        return max(total, share(limit, Decimal(self.whole - self.own), Decimal(self.whole)))

    @property
    def positions(self) -> frozenset[str]:
        """The pairs in which something copied is held or wanted elsewhere."""
        return frozenset(row.line.key.pair for row in self.lines if row.line.held or row.line.wanted)


async def looked(journal: Journal, here: Collection[str], whole: int) -> Elsewhere:
    """Return what *journal* says of users who are not *here*, *whole* users being in all; raises `StoreUnavailable`."""
    lines = [line_of(row) for row in await journal.select(ALL_LINES)]
    facts = dict(await journal.select(ALL_META))
    standings = {}
    for one in map(standing_of, await journal.select(ALL_STANDINGS)):
        equity = facts.get(f"{_EQUITY}{one.user}")
        if equity is not None and one.user not in (EVERYBODY, *here) and one.state is not State.LEFT:
            standings[one.user] = (one, Decimal(equity))
    theirs = tuple(row for row in lines if row.line.key.user not in here)
    return Elsewhere(theirs, MappingProxyType(standings), len(here), whole)


def told(equities: Mapping[str, Decimal]) -> dict[str, str]:
    """Return *equities*, by user, as the small facts that other workers look for."""
    return {f"{_EQUITY}{user}": str(equity) for user, equity in equities.items()}
