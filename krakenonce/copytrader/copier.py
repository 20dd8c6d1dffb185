"""The copy trader itself: one feed, one task for each user."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from krakenonce.clock import Clock
from krakenonce.copytrader.fills import FillFeed
from krakenonce.copytrader.follower import Follower
from krakenonce.errors import ConfigError, KrakenonceError
from krakenonce.orders.fence import Sleep

log = logging.getLogger("krakenonce")

LONGEST_PAUSE_S = 60.0


class CopyTrader:
    """Hands every fill of the master to every user at once. Use as ``async with``; belongs to one event loop.

    Each user works in a task of his own: a slow, hung or failing account delays nobody, and a follower that breaks down
    stops alone (see `broken`).

    Parameters:
        feed: the master's fills.
        followers: the users, no name twice.
        clock: where time is read.
        sleep: how to wait between two polls, in seconds.

    Attributes:
        received: how many of the master's fills have come in since the start.
        broken: the error that stopped a follower, by account; ``MASTER`` stands for the feed.

    Raises:
        ConfigError: two followers have the same name, or two accounts (the master's counts too) the same API key.
    """

    def __init__(
        self, feed: FillFeed, followers: Sequence[Follower], clock: Clock, sleep: Sleep = asyncio.sleep
    ) -> None:
        names = [follower.name for follower in followers]
        if len(set(names)) < len(names):
            raise ConfigError("followers", "one account is named twice", "Give every user his own name and key.")
        _refuse_shared_keys(feed, followers)
        self.followers = tuple(followers)
        self.broken: dict[str, BaseException] = {}
        self.received = 0
        self._feed, self._clock, self._sleep = feed, clock, sleep
        self._news = asyncio.Condition()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        """Begin: fills from now on are copied."""
        await self._feed.begin()
        for follower in self.followers:
            self._start(follower)
        watch = asyncio.create_task(self._watch(), name="MASTER")
        watch.add_done_callback(self._note_breakdown)
        self._tasks["MASTER"] = watch
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything now. Wait for `settled` first if what has arrived is to be copied to the end."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def caught_up(self, fills: int) -> None:
        """Wait until *fills* of the master's fills were received since the start, and each has its receipts."""
        async with self._news:
            await self._news.wait_for(lambda: self.received >= fills)
        await self.settled()

    async def settled(self, followers: Sequence[Follower] | None = None) -> None:
        """Wait until every fill received so far has its receipt from each of *followers* (all by default)."""
        await asyncio.gather(*(self._settled(follower) for follower in (followers or self.followers)))

    async def _settled(self, follower: Follower) -> None:
        idle = asyncio.create_task(follower.idle())
        # A follower that has broken down will never be idle: its task is over instead.
        await asyncio.wait({idle, self._tasks[follower.name]}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()

    def _start(self, follower: Follower) -> None:
        task = asyncio.create_task(follower.run(), name=follower.name)
        task.add_done_callback(self._note_breakdown)
        self._tasks[follower.name] = task

    def _note_breakdown(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.broken[task.get_name()] = error
            log.error("%s: copying stopped by %s: %s", task.get_name(), type(error).__name__, error)

    async def _watch(self) -> None:
        pause_s = self._feed.every_s
        while True:
            # An exchange that refuses or does not answer is asked less and less often.
            answered = await self._take_new()
            pause_s = self._feed.every_s if answered else min(2 * pause_s, LONGEST_PAUSE_S)
            await self._sleep(pause_s)

    async def _take_new(self) -> bool:
        try:
            fills = await self._feed.poll()
        except KrakenonceError as error:
            log.warning("the master's fills could not be read (%s); they are read again", error)
            return False
        received_ns = self._clock.wall_ns()
        for fill in fills:
            self.received += 1
            for follower in self.followers:
                follower.take(fill, received_ns)
        async with self._news:
            self._news.notify_all()
        return True


def _refuse_shared_keys(feed: FillFeed, followers: Sequence[Follower]) -> None:
    # One key is one account at Kraken: its orders would be copied to itself, or one user would pay for two.
    owners = {feed.fingerprint: "MASTER"}
    for follower in followers:
        other = owners.setdefault(follower.account.fingerprint, follower.name)
        if other != follower.name:
            shape = f"{other} and {follower.name} have the same API key, {follower.account.fingerprint}"
            raise ConfigError("followers", shape, "Give every account a key of its own.")
