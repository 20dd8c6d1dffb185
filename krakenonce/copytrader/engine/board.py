"""What the engine knows, in memory. One event loop; everything that changes it is synchronous."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from krakenonce.copytrader.engine.drafts import Draft
from krakenonce.copytrader.engine.elsewhere import Elsewhere
from krakenonce.copytrader.engine.entries import LastMinute
from krakenonce.copytrader.engine.known import KnownFills
from krakenonce.copytrader.engine.members import Member, Roster
from krakenonce.copytrader.engine.protocols import Journal
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.guards.together import Losses
from krakenonce.copytrader.journal.records import EVERYBODY, Changes, MasterRow, Standing, State
from krakenonce.copytrader.masterbook import Change, Holding, MasterBook
from krakenonce.copytrader.notify import Event, Notice
from krakenonce.copytrader.records import CopyOrder, MasterFill

log = logging.getLogger("krakenonce")

_SILENT = frozenset({State.KILLED, State.LEFT})


class Board:
    """Users, lines, the masters' books, and where everybody stands.

    Parameters:
        setting: what surrounds the engine.
        journal: where everything is written before it counts.
    """

    def __init__(self, setting: Setting, journal: Journal) -> None:
        self.setting, self.journal = setting, journal
        self.roster = Roster()
        self.everybody = Standing(EVERYBODY)
        self.books: dict[str, MasterBook] = {}
        self.known: dict[str, KnownFills] = {}
        self.entries = LastMinute()
        self.losses = Losses()
        self.elsewhere = Elsewhere()
        self.held_until_ns: int | None = None
        self.at_rest: Callable[[Member], None] = _pass_over
        self.stopped: Callable[[str], object] = _pass_over_name
        self._folded: dict[tuple[str, str], int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def hear(self, at_rest: Callable[[Member], None]) -> None:
        """Have *at_rest* called each time nothing more is to be done for one of a user's lines."""
        self.at_rest = at_rest

    def hear_stops(self, stopped: Callable[[str], object]) -> None:
        """Have *stopped* called with the name of whoever (or `EVERYBODY`) makes no entries from now on."""
        self.stopped = stopped

    def resume(self, rows: tuple[MasterRow, ...]) -> None:
        """Go on with the masters' positions as the journal has them."""
        for row in rows:
            self.book(row.master).resume(row.pair, Holding(row.position, row.cost))
            self._folded[row.master, row.pair] = row.fills

    def book(self, master: str) -> MasterBook:
        """Return the book of *master*."""
        return self.books.setdefault(master, MasterBook())

    def take(self, fill: MasterFill, draft: Draft) -> Change:
        """Fold a fill that is new into its master's book; return what it changed."""
        self.known[fill.master].add(fill)
        book = self.book(fill.master)
        change = book.take(fill)
        key = (fill.master, fill.pair)
        self._folded[key] = count = self._folded.get(key, 0) + 1
        holding = book.holding(fill.pair)
        newest_ns = self.known[fill.master].newest_ns
        draft.masters[key] = MasterRow(*key, holding.position, holding.cost, count, newest_ns)
        return change

    def standing(self, member: Member) -> Standing:
        """Return what counts for *member*: what holds for everybody, if that is stricter, else his own."""
        if self.everybody.state is State.ACTIVE or member.standing.state in _SILENT:
            return member.standing
        if self.everybody.state is State.KILLED or member.standing.state is State.ACTIVE:
            return replace(member.standing, state=self.everybody.state, reason=self.everybody.reason)
        return member.standing

    def may_send(self, member: Member, order: CopyOrder) -> str:
        """Return why *order* must not leave now; empty if it may. Asked directly before it is handed over."""
        standing = self.standing(member)
        if standing.state in _SILENT:
            return f"not sent: {standing.state.value}"
        if not self.has(member):
            return "not sent: another worker has this user now"
        if self.is_lease_over:
            return "not sent: the lease of this worker is over"
        if self.setting.exchange_ns() >= order.deadline_ns:
            return "not sent: its time was over before it could be"
        return ""

    def knows(self, master: str, exec_id: str) -> bool:
        """Return whether a fill of *master* was taken here already: then it is not taken again."""
        known = self.known.get(master)
        return known is not None and known.knows(exec_id)

    def has(self, member: Member) -> bool:
        """Return whether *member* is copied here, as far as we know."""
        return self.roster.members.get(member.name) is member

    @property
    def is_lease_over(self) -> bool:
        """True while nothing may be sent, because another worker may have our users."""
        return self.held_until_ns is not None and self.setting.clock.boot_ns() >= self.held_until_ns

    async def write(self, draft: Draft) -> None:
        """Write *draft*; users who are another worker's by now are dropped."""
        lost = await self.commit(draft)
        for user in lost:
            self.drop(user)

    def commit(self, draft: Draft) -> asyncio.Future[frozenset[str]]:
        """Have *draft* written. Its lines are written as they stand now."""
        changes = draft.changes()
        if changes == _NOTHING:
            done: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
            done.set_result(frozenset())
            return done
        return self.journal.commit(changes)

    def drop(self, user: str) -> None:
        """Have nothing to do with *user* any more: another worker has him."""
        member = self.roster.members.pop(user, None)
        if member is None:
            return
        log.info("%s is another worker's now", user)
        dismiss(member)

    def spawn(self, work: Coroutine[Any, Any, None], name: str, member: Member | None = None) -> asyncio.Task[None]:
        """Run *work* in a task that is ended with the engine, or earlier with what is done here for *member*."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        if member is not None:
            member.tasks.add(task)
            task.add_done_callback(member.tasks.discard)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """End all tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def tell(self, event: Event, user: str, text: str, **details: str) -> None:
        """Say what people may want to know."""
        self.setting.tell(Notice(event, user, text, self.setting.clock.wall_ns(), details))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s has failed", task.get_name(), exc_info=task.exception())


def dismiss(member: Member) -> None:
    """End what is done for *member*."""
    for track in member.tracks.values():
        if track.task is not None:
            track.task.cancel()
    for task in (*member.tasks, *([member.watch] if member.watch is not None else [])):
        task.cancel()


def _pass_over(member: Member) -> None:
    """Do nothing."""


def _pass_over_name(user: str) -> None:
    """Do nothing."""


_NOTHING = Changes()
