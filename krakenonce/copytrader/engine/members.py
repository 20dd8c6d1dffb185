"""The users as the engine knows them, and in which order they are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from krakenonce.copytrader.engine.entries import LastMinute
from krakenonce.copytrader.engine.protocols import Account
from krakenonce.copytrader.engine.purse import Purse
from krakenonce.copytrader.engine.tracks import Track
from krakenonce.copytrader.journal.records import Standing
from krakenonce.copytrader.policy import Leaving, UserPolicy
from krakenonce.copytrader.records import Line, LineKey

MOST_DECIDED = 2_000


@dataclass(frozen=True, slots=True)
class Seat:
    """A user who is to be copied: his account, and how he copies."""

    account: Account
    policy: UserPolicy


@dataclass(slots=True, eq=False)
class Member:
    """One user.

    Attributes:
        name: ``USER:<name>``; his account has the same, also after its key was exchanged.
        follows: the masters he follows at the moment.
        equity: at the last look, in the currency of the config; None if not known.
        leaving: what becomes of his positions, once he has said that he leaves; departed: done when he has left.
        entries: how many entry orders were planned in the last minute.
        wanted_looks: set to have his balances looked at soon.
        watch: the task that looks at his balances; tasks: those that follow his mirrored orders.
        moving: True once another worker is to have him: nothing new is decided for him here.
        decided: the fills (master, exec_id) that he has decided on and that may still come to be decided on here: while
            he takes his seat all those that come; from then on those that another worker has decided on for him before
            they were heard of here.
        is_seated: True from the moment on when each fill comes here once only.
    """

    account: Account
    policy: UserPolicy
    standing: Standing
    name: str = field(init=False)
    follows: set[str] = field(default_factory=set)
    tracks: dict[LineKey, Track] = field(default_factory=dict)
    purse: Purse = field(default_factory=Purse)
    equity: Decimal | None = None
    leaving: Leaving | None = None
    departed: asyncio.Future[None] | None = None
    entries: LastMinute = field(default_factory=LastMinute)
    look_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    watch: asyncio.Task[None] | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    moving: bool = False
    decided: set[tuple[str, str]] = field(default_factory=set)
    is_seated: bool = False

    def __post_init__(self) -> None:
        self.name = self.account.name

    def track(self, key: LineKey) -> Track:
        """Return the line *key*, a new one if there is none; see `keep`."""
        return self.tracks.get(key) or Track(Line(key))

    def keep(self, track: Track) -> None:
        """Remember *track*."""
        self.tracks[track.line.key] = track

    def decide_on(self, master: str, exec_id: str) -> bool:
        """Note that a fill is decided on now; False if it was before."""
        key = (master, exec_id)
        if key in self.decided:
            return False
        if not self.is_seated:
            self.decided.add(key)
        return True

    def has_decided(self, fills: Iterable[tuple[str, str]], is_known: Callable[[str, str], bool]) -> None:
        """Note that he has decided on *fills*; those that are known here never come again."""
        self.decided.update(fill for fill in fills if not is_known(*fill))

    def be_seated(self, is_known: Callable[[str, str], bool]) -> None:
        """From now on each fill comes once: only those that are not known here have to be remembered."""
        self.decided = {fill for fill in self.decided if not is_known(*fill)}
        self.is_seated = True

    def held_pairs(self, master: str) -> list[str]:
        """Return the pairs in which something copied from *master* is wanted or held."""
        lines = (track.line for track in self.tracks.values())
        return [line.key.pair for line in lines if line.key.master == master and (line.held or line.wanted)]


class Roster:
    """Who follows whom. Each time another follower is first, so that nobody is always last."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._turn = 0

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self.members.values()))

    def followers(self, master: str) -> list[Member]:
        """Return the followers of *master*, beginning with another one each time."""
        found = [member for member in self.members.values() if master in member.follows and not member.moving]
        self._turn += 1
        start = self._turn % len(found) if found else 0
        return found[start:] + found[:start]
