"""Pausing, killing and re-arming while no copier runs: written into the journal, for the next start to find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from krakenonce.clock import Clock
from krakenonce.copytrader.config import CopySettings
from krakenonce.copytrader.guards.losses import rearmed
from krakenonce.copytrader.journal import Changes, Snapshot, open_copy_journal
from krakenonce.copytrader.journal.records import EVERYBODY, Standing, State
from krakenonce.errors import ConfigError
from krakenonce.orders.journal import JournalAddress


def restated(standing: Standing, deed: str, reason: str, now_ns: int) -> Standing:
    """Return *standing* after *deed* (kill, pause, resume, rearm), as the engine would have it. Pure.

    Raises:
        ConfigError: the deed needs a copier that runs, or is none.
    """
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

    A copier on another host, if the journal is in a database, hears of it within a second.

    Raises:
        ConfigError: as `restated`. StoreUnavailable: the journal is not to be had, or a copier has it.
    """
    journal = open_copy_journal(settings.journal, clock=clock, is_sole=True)
    try:
        before = standing_of(await journal.load(), user)
        after = restated(before, deed, reason, clock.wall_ns())
        if after != before:
            await journal.commit(Changes(standings=(after,)))
    finally:
        await journal.close()
    why = f" ({after.reason})" if after.reason else ""
    if JournalAddress.of(settings.journal).is_server:
        return (
            f"{user}: {after.state.value}{why}: no copier runs on this host, one on another hears of it within a second"
        )
    return f"{user}: {after.state.value}{why}, for the next start: no copier runs"


async def standings(settings: CopySettings, clock: Clock) -> dict[str, Standing]:
    """Return where everybody stands, by the journal; raises `StoreUnavailable`."""
    if _is_unwritten(settings):
        return {name: Standing(name) for name in (*settings.users, EVERYBODY)}
    journal = open_copy_journal(settings.journal, clock=clock)
    try:
        known = await journal.load()
    finally:
        await journal.close()
    return {name: standing_of(known, name) for name in (*settings.users, EVERYBODY)}


def _is_unwritten(settings: CopySettings) -> bool:
    """Return whether nothing has run yet: looking must not make a journal."""
    address = JournalAddress.of(settings.journal)
    return not address.is_server and not Path(address.target).exists()


def standing_of(known: Snapshot, user: str) -> Standing:
    """Return where *user* stands, by what the journal holds."""
    return next((standing for standing in known.standings if standing.user == user), Standing(user))
