"""What belongs to this worker's users, opened and closed as they come from other workers and go to them."""

from __future__ import annotations

from collections.abc import Callable

from krakenonce.copytrader.config import CopySettings, RunMode
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.journal.records import Standing
from krakenonce.copytrader.journal.rows import standing_of
from krakenonce.copytrader.journal.schema import STANDINGS
from krakenonce.copytrader.service.guests import Guests
from krakenonce.copytrader.service.memory import paper_orders
from krakenonce.copytrader.service.resolving import Resolved

_STANDING = f"SELECT {STANDINGS} FROM copy_standings WHERE user_name = ?"  # noqa: S608 - constants only


class KeptGuests:
    """Guests as `krakenonce.copytrader.engine.sharing.Sharing` wants them.

    Parameters:
        guests: who opens and closes accounts; copier: the engine; journal: knows how others have left users.
        plan: returns the configuration that counts now, in the file's words and in the exchange's.
    """

    def __init__(
        self, guests: Guests, copier: Copier, journal: Journal, plan: Callable[[], tuple[CopySettings, Resolved]]
    ) -> None:
        self.copier = copier
        self._guests, self._journal, self._plan = guests, journal, plan

    def users(self) -> frozenset[str]:
        """Return everybody in the configuration, and who was in it and is leaving."""
        return frozenset(self._plan()[0].users) | self._guests.leaving

    def has(self, user: str) -> bool:
        """Return whether *user* is cared for here."""
        return self._guests.has(user)

    def is_stranded(self, user: str) -> bool:
        """Return whether *user* has an account here and is not copied."""
        is_at_rest = user in self._guests.trouble or self._guests.is_busy(user)
        return not is_at_rest and user not in self.copier.users

    async def take(self, user: str) -> None:
        """Copy for *user* from now on, as the journal has left him; raises `KrakenonceError`."""
        settings, resolved = self._plan()
        if user not in settings.users:
            return
        if settings.run is not RunMode.LIVE:
            self._guests.remember({user: (await paper_orders(self._journal)).get(user, [])})
        standing = await standing_now(self._journal, user)
        await self._guests.take_over(settings.users[user], resolved, standing)

    async def let_go(self, user: str) -> None:
        """Close what belongs to *user*: another worker has him."""
        await self._guests.let_go(user)

    async def hand_over(self, user: str, patience_s: float) -> None:
        """Finish what is on its way for *user*, see that all is written, and close what belongs to him."""
        if user in self.copier.users:
            await self.copier.hand_over(user, patience_s)
        await self._guests.let_go(user)


async def standing_now(journal: Journal, user: str) -> Standing:
    """Return where *user* stands, by the journal; raises `StoreUnavailable`."""
    rows = await journal.select(_STANDING, (user,))
    return standing_of(rows[0]) if rows else Standing(user)
