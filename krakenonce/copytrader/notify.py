"""Notices by webhook: whoever wants to hear of skips, pauses, failures, kills and drift gets JSON. Copying never waits.

A notice that cannot be delivered is tried again with growing pauses and given up after a while, with a line in the log.
A receiver that is slow holds up only what is meant for it; of too many that wait, the oldest are dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from krakenonce.clock import rfc3339
from krakenonce.errors import MissingExtra

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("krakenonce")

ATTEMPTS = 6
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
TIMEOUT_S = 10.0
MOST_WAITING = 1000

Sleep = Callable[[float], Awaitable[None]]


class Event(Enum):
    """What a notice is about."""

    SKIP = "skip"
    FAILURE = "failure"
    PAUSE = "pause"
    STOP = "stop"
    KILL = "kill"
    RESUME = "resume"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened.

    Attributes:
        event: what kind.
        user: ``USER:<name>``; ``*`` for everybody.
        text: what happened, in plain words, without any secret.
        at_ns: when, in nanoseconds since 1970.
        details: more, by name, such as the pair and the fill's exec_id.
    """

    event: Event
    user: str
    text: str
    at_ns: int
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def as_json(self) -> bytes:
        """Return the body that a receiver gets. ``text`` is what Slack, Mattermost and their like show."""
        members = {
            "event": self.event.value,
            "user": self.user,
            "text": f"{self.user}: {self.text}",
            "at": rfc3339(self.at_ns),
            "details": dict(self.details),
        }
        return json.dumps(members).encode()


class Target(Protocol):
    """A webhook of the configuration."""

    @property
    def url(self) -> str:
        """Where the notices go."""

    @property
    def events(self) -> frozenset[Event]:
        """Which ones."""


class Notifier:
    """Sends notices to every target that wants them. Use as ``async with``; one event loop.

    Parameters:
        targets: who wants what.
        sleep: how to wait between two attempts, in seconds.
        jitter: a number from 0 to 1, by which pauses are shortened so that receivers are not hit by all at once.

    Attributes:
        delivered, dropped: how many notices arrived, and how many were given up.
    """

    def __init__(
        self, targets: Sequence[Target], *, sleep: Sleep = asyncio.sleep, jitter: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.delivered = self.dropped = 0
        self._mailboxes = [_Mailbox(target) for target in targets]
        self._sleep, self._jitter = sleep, jitter
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        if self._mailboxes:
            self._session = session = _session()
            self._tasks = [asyncio.create_task(self._deliver(session, mailbox)) for mailbox in self._mailboxes]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what was not delivered yet; wait for `idle` first if it matters."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def tell(self, notice: Notice) -> None:
        """Have *notice* sent to all who want it. Returns at once, always; any number of times."""
        for mailbox in self._mailboxes:
            if notice.event in mailbox.target.events:
                self.dropped += mailbox.put(notice)

    async def idle(self) -> None:
        """Wait until every notice is delivered or given up."""
        for mailbox in self._mailboxes:
            await mailbox.empty.wait()

    async def _deliver(self, session: aiohttp.ClientSession, mailbox: _Mailbox) -> None:
        while True:
            await mailbox.filled.wait()
            arrived = await self._insist(session, mailbox.target.url, mailbox.first)
            self.delivered += arrived
            self.dropped += not arrived
            mailbox.take()

    async def _insist(self, session: aiohttp.ClientSession, url: str, notice: Notice) -> bool:
        body = notice.as_json()
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            trouble, is_final = await _post(session, url, body)
            if not trouble:
                return True
            if is_final or attempt == ATTEMPTS:
                log.warning("a notice (%s, %s) was given up: %s", notice.event.value, notice.user, trouble)
                return False
            await self._sleep(pause_s * (1 - self._jitter() / 2))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return False


class _Mailbox:
    """What waits for one receiver, oldest first."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.filled, self.empty = asyncio.Event(), asyncio.Event()
        self.empty.set()
        self._waiting: deque[Notice] = deque()

    @property
    def first(self) -> Notice:
        return self._waiting[0]

    def put(self, notice: Notice) -> int:
        """Add *notice* and return how many older ones had to go."""
        dropped = 0
        if len(self._waiting) >= MOST_WAITING:
            del self._waiting[1]  # the first one is on its way
            dropped = 1
        self._waiting.append(notice)
        self.filled.set()
        self.empty.clear()
        return dropped

    def take(self) -> None:
        """Remove the first one: it is dealt with."""
        self._waiting.popleft()
        if not self._waiting:
            self.filled.clear()
            self.empty.set()


def _session() -> aiohttp.ClientSession:
    with contextlib.suppress(ModuleNotFoundError):
        import aiohttp

        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
    raise MissingExtra("sending notices", "bot")


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> tuple[str, bool]:
    """Return what went wrong (nothing if it arrived), and whether trying again would be of no use."""
    import aiohttp

    headers = {"Content-Type": "application/json"}
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__, False  # its text would hold the address, and so perhaps a token
    if 200 <= status < 300:
        return "", False
    return f"status {status}", status < 500 and status not in (408, 425, 429)
