"""Pausing, killing and re-arming while no copier runs: written into the journal, for the next start to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from krakenonce.clock import Clock
from krakenonce.copytrader.config import CopySettings
from krakenonce.copytrader.guards.losses import rearmed, recounted
from krakenonce.copytrader.journal import Changes, CopyJournal, Snapshot, open_copy_journal
from krakenonce.copytrader.journal.records import EVERYBODY, Standing, State
from krakenonce.copytrader.report import PAIR_FACT
from krakenonce.copytrader.service.departing import REARMED
from krakenonce.copytrader.service.memory import FILES_FACT
from krakenonce.copytrader.service.roll import Row, roll
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.orders.journal import JournalAddress

TRIES = 5


def restated(standing: Standing, deed: str, reason: str, now_ns: int, *, is_shared: bool = False) -> Standing:
    """Return *standing* after *deed* (kill, pause, resume, rearm, leave), as the engine would have it. Pure.

    Parameters:
        reason: why; of a leave what becomes of positions, a word of `krakenonce.copytrader.policy.Leaving`.
        now_ns: the moment. It counts as later than what stands now, whoever's clock that was told by.
        is_shared: whether some worker, somewhere, reads it while it runs.

    Raises:
        ConfigError: the deed needs a copier that runs, or is none.
    """
    now_ns = max(now_ns, standing.since_ns + 1)
    if deed == "leave" and standing.state not in (State.LEAVING, State.LEFT):
        return replace(standing, state=State.LEAVING, reason=f"leaves: {reason}", since_ns=now_ns)
    if deed == "rearm" and standing.state is State.LEFT and is_shared:
        return replace(standing, reason=REARMED, since_ns=now_ns)
    if deed == "kill":
        return replace(standing, state=State.KILLED, reason=reason, since_ns=now_ns)
    if deed == "pause" and standing.state is State.ACTIVE:
        return replace(standing, state=State.PAUSED, reason=reason, since_ns=now_ns)
    if deed == "resume" and standing.state is State.PAUSED:
        return replace(standing, state=State.ACTIVE, reason="", since_ns=now_ns, failures=0)
    if deed == "rearm" and standing.state is State.LEFT:
        raise ConfigError("rearm", "a user who has left, and no copier that runs", "Start it: krakenonce run.")
    if deed == "rearm" and standing.state is not State.LEAVING:
        return rearmed(standing, None, now_ns)
    return standing


async def restate(settings: CopySettings, user: str, deed: str, reason: str, clock: Clock) -> str:
    """Do *deed* for *user* in the journal and return what came of it, in words.

    Workers that run, if the journal is in a database, are called, and hear of it at once or within a second.

    Raises:
        ConfigError: as `restated`. StoreUnavailable: the journal is not to be had, or a copier has it.
    """
    is_shared = JournalAddress.of(settings.journal).is_server
    journal = open_copy_journal(settings.journal, clock=clock, is_sole=True)
    try:
        after = await _restate(journal, user, lambda before: restated(
            before, deed, reason, clock.wall_ns(), is_shared=is_shared
        ))  # fmt: skip
        if user == EVERYBODY and deed == "rearm":
            await _recount(journal, clock.wall_ns())
    finally:
        await journal.close()
    words = f"{user}: {after.state.value}{f' ({after.reason})' if after.reason else ''}"
    if is_shared:
        return f"{words}: no worker of this host has it in hand, the one that has hears of it within a second"
    return f"{words}, for the next start: no copier runs"


async def _restate(journal: CopyJournal, user: str, change: Callable[[Standing], Standing]) -> Standing:
    """Change the standing of *user*, also while a worker writes it as well: a newer one is never overwritten."""
    for _ in range(TRIES):
        before = standing_of(await journal.load(), user)
        after = change(before)
        if after == before:
            return after
        await journal.commit(Changes(standings=(after,)))
        if standing_of(await journal.load(), user).state is after.state:
            return after
    raise StoreUnavailable(f"the standing of {user} is changed again and again by somebody else")


async def _recount(journal: CopyJournal, now_ns: int) -> None:
    """Have everybody's losses counted from the next look on: what all have lost is the sum of what each has."""
    users = (standing for standing in (await journal.load()).standings if standing.user != EVERYBODY)
    await journal.commit(Changes(standings=tuple(recounted(standing, None, now_ns) for standing in users)))


async def ask_for_files(settings: CopySettings, clock: Clock) -> bool:
    """Have the workers of all hosts read their configuration again; False if the journal is a file.

    Raises:
        StoreUnavailable: the journal is not to be had.
    """
    if not JournalAddress.of(settings.journal).is_server:
        return False
    journal = open_copy_journal(settings.journal, clock=clock)
    try:
        await journal.commit(Changes(meta={FILES_FACT: str(clock.wall_ns())}))
    finally:
        await journal.close()
    return True


async def roll_call(settings: CopySettings, clock: Clock) -> dict[str, Row]:
    """Return who is copied by which worker of whatever host; empty if the journal is a file.

    Raises:
        StoreUnavailable: the journal is not to be had.
    """
    if not JournalAddress.of(settings.journal).is_server:
        return {}
    journal = open_copy_journal(settings.journal, clock=clock)
    try:
        facts = (await journal.load()).meta
        return await roll(journal, settings.users, lambda pair: facts.get(f"{PAIR_FACT}{pair}", pair))
    finally:
        await journal.close()


async def standings(settings: CopySettings, clock: Clock) -> dict[str, Standing]:
    """Return where everybody stands, by the journal; raises `StoreUnavailable`."""
    if is_unwritten(settings):
        return {name: Standing(name) for name in (*settings.users, EVERYBODY)}
    journal = open_copy_journal(settings.journal, clock=clock)
    try:
        known = await journal.load()
    finally:
        await journal.close()
    return {name: standing_of(known, name) for name in (*settings.users, EVERYBODY)}


def is_unwritten(settings: CopySettings) -> bool:
    """Return whether nothing has run yet: looking must not make a journal."""
    address = JournalAddress.of(settings.journal)
    return not address.is_server and not Path(address.target).exists()


def standing_of(known: Snapshot, user: str) -> Standing:
    """Return where *user* stands, by what the journal holds."""
    return next((standing for standing in known.standings if standing.user == user), Standing(user))
