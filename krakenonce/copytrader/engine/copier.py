"""The engine as its service sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.engine.comings import depart, enter
from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.drift import take_away
from krakenonce.copytrader.engine.entrance import Entrance
from krakenonce.copytrader.engine.intake import Intake
from krakenonce.copytrader.engine.members import Member, Seat
from krakenonce.copytrader.engine.mirrors import end_all
from krakenonce.copytrader.engine.protocols import Account, Journal
from krakenonce.copytrader.engine.reconciliation import Drift, Stock, drift_of, take_stock
from krakenonce.copytrader.engine.recovery import Recollection, began
from krakenonce.copytrader.engine.seating import Seating, check_keys
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.engine.steering import Steered
from krakenonce.copytrader.engine.watching import Watch
from krakenonce.copytrader.policy import CopyMode, Leaving, UserPolicy
from krakenonce.copytrader.records import MasterFill, MasterOrderEvent
from krakenonce.errors import ConfigError

CLOCKS_APART_NS = 2 * NS_PER_SECOND
"""How far our idea of the exchange's clock may be off: fills so shortly before the very first start count."""

JOINING_S = 1.0
"""How long those who join wait for one another's balances: who is unknown by then is looked at again."""

SHOWN_S = 0.5

LOOK_BACK_NS = 60 * NS_PER_SECOND
"""How much older than the newest fill known a fill may be that nobody has told us of."""


class Copier(Steered):
    """Copies fills to every follower's account: each exactly once, and each user on his own. One event loop.

    The journal is the truth. Before an order is sent, it is written down together with the decision that led to it;
    what an earlier run left open is found out before anything new is sent for that line.

    Parameters:
        journal: where everything is written; the caller closes it after `close`.
        setting: what surrounds the engine.
        masters: whom users may follow.

    Attributes:
        shown: asked for all open orders of a master's as they stand, when a user comes back who followed him before;
            returns None while they are not known.
    """

    def __init__(self, journal: Journal, setting: Setting, masters: Iterable[str] = ("MASTER",)) -> None:
        super().__init__(journal, setting)
        self._masters = tuple(masters)
        self._watch = Watch(self._board, self._launcher, self._figures)
        self._seating = Seating(self._board, self._launcher, self._watch, journal)
        self._intake = Intake(self._board, self._launcher, journal)
        self._entrance = Entrance(self._let_in)
        self.shown: Callable[[str], list[MasterOrderEvent] | None] | None = None

    def cursor_ns(self, master: str) -> int:
        """Return from when on, by the exchange's clock, a feed has to deliver the fills of *master*.

        A little before the newest one known: an earlier one may have been lost on the way when the last run ended.
        """
        known = self._board.known[master]
        return max(known.newest_ns - LOOK_BACK_NS, known.since_ns)

    def beginning(self) -> dict[str, str]:
        """Return what is written down of the moment when copying began, if it begins now: small facts by name."""
        since_ns = self._setting.exchange_ns() - CLOCKS_APART_NS
        return {name: text for master in self._masters for name, text in began(master, since_ns).items()}

    async def start(self, seats: Sequence[Seat]) -> None:
        """Load the journal, take up what an earlier run left open, and copy for *seats* from now on.

        Accounts that do not answer are waited for only a little: their lines go on as soon as they do.

        Raises:
            StoreUnavailable: the journal can't be read.
            ConfigError: two seats have one key.
        """
        check_keys([seat.account for seat in seats])
        memory = Recollection(await self._journal.load())
        memory.resume(self._board)
        draft = Draft()
        for master in self._masters:
            since_ns = self._setting.exchange_ns() - CLOCKS_APART_NS
            self._board.known[master] = known = memory.known(master, since_ns)
            draft.meta.update(began(master, known.since_ns))
        await self._seating.patiently(self._watch.look_at_master(master) for master in self._setting.masters)
        members = [memory.member(self._board, seat) for seat in seats]
        await self._seating.seat(members, draft)
        self._watch.begin_masters()

    async def close(self) -> None:
        """Stop. What is on its way is taken up by the next start."""
        await self._board.close()

    def on_fills(self, fills: Sequence[MasterFill]) -> None:
        """Take fills of the masters', as often as they come: each counts once. Never waits."""
        self._intake.fills(fills)

    def on_orders(self, events: Sequence[MasterOrderEvent]) -> None:
        """Take steps in the lives of the masters' orders, for those who mirror them. Never waits."""
        self._intake.orders(events)

    def on_open_orders(self, master: str, txids: Collection[str]) -> None:
        """Take note of all open orders of *master*, after his stream has been away: others are over. Never waits."""
        self._intake.open_orders(master, txids)

    def on_silence(self, master: str) -> None:
        """Take note that the stream of *master* is away. No mirrored order is placed until his order is shown again."""
        self._intake.silence(master)

    async def join(self, seat: Seat) -> None:
        """Copy for another user, from now on; or again for one who has left. Nobody else notices.

        Raises:
            ConfigError: he is copied already, or the key is another's.
        """
        if seat.account.name in self._board.roster.members:
            raise ConfigError("user", f"{seat.account.name!r}, who is copied already", "Use another name.")
        check_keys([seat.account, *(member.account for member in self._board.roster)])
        await self._entrance.come_in(seat)

    async def _let_in(self, seats: Sequence[Seat]) -> None:
        memory = Recollection(await self._journal.load())
        members = [memory.member(self._board, seat) for seat in seats]
        back = [(member, master) for member in members for master in member.follows & set(self._masters)]
        await self._seating.seat(members, Draft(), JOINING_S)
        for member, master in back:
            if member.policy.mode is CopyMode.ORDERS:
                self._board.spawn(self._show(member, master), f"the open orders of {master}", member)

    async def _show(self, member: Member, master: str) -> None:
        """Have *member*, who was away, take note of the master's open orders as soon as they are known."""
        while self.shown is not None and self._board.has(member):
            events = self.shown(master)
            if events is not None:
                self._intake.show(member, master, events)
                return
            await self._setting.sleep(SHOWN_S)

    async def leave(self, user: str, leaving: Leaving | None = None) -> asyncio.Future[None]:
        """Copy no more entries for *user*; *leaving* (his policy's choice if None) says what becomes of his positions.

        Returns:
            a future that is done when he has left and nothing of his is on its way. Close his account then, not before.
        """
        member = self._member(user)
        draft = Draft()
        depart(self._board, member, leaving or member.policy.leaving, draft)
        member.departed = departed = asyncio.get_running_loop().create_future()
        await self._switches.cancel_entries(member)
        await self._launcher.conclude(draft)
        self._seating.at_rest(member)
        return departed

    async def change(self, user: str, policy: UserPolicy) -> None:
        """Have *user* copied by another policy from the next fill on."""
        member = self._member(user)
        member.policy = policy
        draft = Draft()
        if policy.mode is not CopyMode.ORDERS:
            end_all(member, draft)
        enter(self._board, self._launcher.figures(), member, draft)
        await self._launcher.conclude(draft)

    async def rotate(self, user: str, account: Account) -> None:
        """Send the orders of *user* with another key from now on; done when nothing is on its way with the old one.

        Raises:
            ConfigError: the key is another user's.
        """
        member = self._member(user)
        others = [one.account for one in self._board.roster if one is not member]
        check_keys([account, *others])
        old, member.account = member.account, account
        for track in member.tracks.values():
            if track.order is not None and track.account is None:
                track.account = old
        tasks = [track.task for track in member.tracks.values() if track.account is old and track.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def reconcile(self, users: Iterable[str] | None = None, *, mend: bool = False) -> list[Drift]:
        """Look at the accounts and return every line that is not where it should be.

        Parameters:
            users: whose lines; None for all.
            mend: True to give up copied coins that are not in the account any more, and to try again what waits.
        """
        members = [self._member(user) for user in (self.users if users is None else users)]
        await asyncio.gather(*(self._watch.look(member) for member in members))
        drifts = [drift for member in members for drift in drift_of(self._board, member)]
        if mend:
            await self._mend(members, drifts)
        return drifts

    async def take_stock(self, users: Iterable[str] | None = None) -> list[Stock]:
        """Look at the accounts and return every position of *users* (None: of all), whether on target or not."""
        members = [self._member(user) for user in (self.users if users is None else users)]
        seen = await asyncio.gather(*(self._watch.look(member) for member in members))
        board, figures, looks = self._board, self._launcher.figures(), zip(members, seen, strict=True)
        return [stock for member, is_seen in looks for stock in take_stock(board, figures, member, is_seen=is_seen)]

    def hold_until(self, boot_ns: int) -> None:
        """Send nothing from that moment of the boot clock on: the worker's lease is over then, if not renewed."""
        self._board.held_until_ns = boot_ns

    def drop(self, user: str) -> None:
        """Have nothing to do with *user* any more, at once: another worker goes on with him."""
        self._board.drop(user)

    async def hand_over(self, user: str, patience_s: float) -> None:
        """Decide nothing new for *user*, finish what is on its way for him, and have nothing to do with him then.

        What his master does meanwhile is decided by the worker who has him next. When this returns, everything about
        him is written: now others may have him.

        Parameters:
            patience_s: how long to wait for orders. What is on its way then is found out by the next worker.
        """
        await self._seating.hand_over(self._member(user), patience_s)

    async def look_elsewhere(self, whole: int) -> None:
        """Take note of what other workers' users hold and have lost, and let them know the same of ours.

        Parameters:
            whole: how many users there are, here and elsewhere.

        Raises:
            StoreUnavailable: the journal can't be read.
        """
        await self._watch.look_elsewhere(self._journal, whole)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._setting.sleep(seconds)

    def boot_ns(self) -> int:
        """Return our boot clock."""
        return self._setting.clock.boot_ns()

    async def idle(self) -> None:
        """Wait until nothing is on its way or waited for."""
        while True:
            await asyncio.sleep(0)
            tasks = [track.task for member in self._board.roster for track in member.tracks.values() if track.task]
            if tasks:
                await asyncio.wait(tasks)
            elif self._launcher.is_writing:
                await self._launcher.written()
            else:
                return

    async def _mend(self, members: list[Member], drifts: list[Drift]) -> None:
        draft, rules = Draft(), self._setting.rules
        for member in members:
            for asset in {rules[drift.line.pair].base for drift in drifts if drift.missing}:
                take_away(self._board, member, asset, draft)
            for track in member.tracks.values():
                draft.touch(member, track)
        await self._launcher.conclude(draft)
