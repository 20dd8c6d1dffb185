"""One account's WebSocket, kept open: token, subscriptions, requests; and everything anew when it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Protocol

from krakenonce.client.budget import Sleep
from krakenonce.client.encoding import Value
from krakenonce.client.websocket.connection import NOT_SENT, Connection
from krakenonce.client.websocket.dialogue import OnAnswer
from krakenonce.client.websocket.listening import Listener, Standing, Subscription
from krakenonce.client.websocket.sockets import ConnectionLost, Socket
from krakenonce.client.websocket.timing import Timing
from krakenonce.client.websocket.tokens import TokenSource
from krakenonce.clock import NS_PER_SECOND, Clock, SystemClock
from krakenonce.kraken.replies import Accepted, Outcome

log = logging.getLogger("krakenonce")

_TOKEN_LIVES_NS = 450 * NS_PER_SECOND  # half of what Kraken gives a token that is not used yet


class Dialing(Protocol):
    """Whoever opens connections. A `Dialer` does."""

    def wait_s(self, *, urgent: bool) -> float:
        """Count one attempt and return 0, or return for how many seconds there is no room for it."""

    async def open(self) -> Socket:
        """Return a new connection; raises `ConnectionLost`."""


class Session:
    """Keeps one account connected while `run` runs. Belongs to one event loop; any task of it may `ask`.

    A broken connection is opened anew, with a new token and new subscriptions, whose snapshots replace what was known.
    Requests that were under way end as ``Unknown``: nothing is ever sent twice from here.

    Parameters:
        name: the account's name, for the log.
        dialing: opens connections; token: fetches tokens.
        subscriptions: what to listen to; Kraken closes connections without any after a minute.
        listener: hears it.
        urgent: whether it goes first where connections are scarce.
        timing: see there.
        clock, sleep, chance: time and chance, injected.
    """

    def __init__(
        self,
        name: str,
        dialing: Dialing,
        token: TokenSource,
        subscriptions: tuple[Subscription, ...],
        listener: Listener,
        *,
        urgent: bool = False,
        timing: Timing | None = None,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.name, self.standing = name, Standing()
        self._dialing, self._fetch, self._subscriptions, self._listener = dialing, token, subscriptions, listener
        self._urgent, self._timing = urgent, timing or Timing()
        self._clock: Clock = clock or SystemClock()
        self._sleep, self._chance = sleep, chance or random.SystemRandom()
        self._connection: Connection | None = None
        self._unused_token, self._fetched_ns = "", 0

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {'up' if self.is_up else 'down'})"

    @property
    def is_up(self) -> bool:
        """Whether requests can be sent now."""
        return self.standing.up_since_ns != 0

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            begun = self._clock.boot_ns()
            try:
                await self._connect()
            except ConnectionLost as lost:
                self._note(lost)
                stood_s = (self._clock.boot_ns() - begun) / NS_PER_SECOND
                failures = 1 if stood_s >= self._timing.stable_s else failures + 1
                least_s = lost.pause_s
                if self.standing.system != "online":
                    least_s = max(least_s, self._timing.maintenance_s)
                await self._sleep(self._timing.pause_s(failures, self._chance, least_s))

    def ask(
        self,
        method: str,
        params: Mapping[str, Value] | None = None,
        *,
        answer_s: float | None = None,
        on_answer: OnAnswer | None = None,
    ) -> asyncio.Future[Outcome]:
        """Hand a request to the socket at once, and return the future of its outcome. Never waits.

        ``Refused`` with `NOT_SENT`: there is no connection. ``Unknown``: no answer came within *answer_s* seconds, or
        before the connection was lost. *on_answer* is called the moment the outcome is known, before anything else that
        arrives is read.

        Raises:
            ConfigError: a value cannot be sent.
        """
        if self._connection is None or not self.is_up:
            future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            future.set_result(NOT_SENT)
            if on_answer is not None:
                on_answer(NOT_SENT)
            return future
        return self._connection.ask(method, params, answer_s=answer_s, on_answer=on_answer)

    def hand(self, method: str, members: str, answer_s: float, on_answer: OnAnswer) -> None:
        """Hand a request to the socket at once, as `ask` does: for many at a time, and with params that are encoded.

        Parameters:
            members: the params as `frames.encoded` returns them.
            answer_s: how long the answer is waited for, in seconds.
            on_answer: called with the outcome the moment it is known: if there is no connection, in the call itself.
        """
        if self._connection is None or not self.is_up:
            on_answer(NOT_SENT)
        else:
            self._connection.hand(method, members, answer_s, on_answer)

    async def renew(self, channel: str) -> bool:
        """Subscribe to *channel* anew, with a new token, and return whether that worked.

        If not, the connection is given up, and the next one subscribes to everything.
        """
        connection = self._connection
        if connection is None:
            return False
        params = next(sub.params for sub in self._subscriptions if sub.channel == channel)
        try:
            token = await self._fetch()
        except ConnectionLost as lost:
            connection.drop(lost.cause)
            return False
        await connection.ask("unsubscribe", {"channel": channel})
        if not isinstance(await connection.subscribe(channel, params, token), Accepted):
            connection.drop(f"{channel} could not be subscribed to anew")
            return False
        connection.token = token
        return True

    def drop(self, cause: str) -> None:
        """Give the connection up and open another, with a new token."""
        if self._connection is not None:
            self._connection.drop(cause)

    async def _connect(self) -> None:
        """Connect, and stay until the connection is over; ends by raising `ConnectionLost`."""
        token = await self._have_token()
        while (wait_s := self._dialing.wait_s(urgent=self._urgent)) > 0:
            self.standing.cause = f"the exchange allows no further connection for {wait_s:.0f} s"
            await self._sleep(wait_s + self._chance.uniform(0, 1))
        socket = await self._open()
        self._unused_token = ""
        try:
            self._connection = Connection(
                self.name, socket, token, self._listener, self.standing, self._timing, self._clock, self._sleep
            )
            await self._connection.hold(self._subscriptions)
        finally:
            self._connection = None
            await socket.close()

    async def _have_token(self) -> str:
        """Return a token that no connection has used: of an attempt that failed, while it is fresh, or a new one."""
        if not self._unused_token or self._clock.boot_ns() - self._fetched_ns > _TOKEN_LIVES_NS:
            self._unused_token = await self._fetch()
            self._fetched_ns = self._clock.boot_ns()
        return self._unused_token

    async def _open(self) -> Socket:
        try:
            async with asyncio.timeout(self._timing.open_s):
                return await self._dialing.open()
        except TimeoutError:
            raise ConnectionLost("no connection in time") from None

    def _note(self, lost: ConnectionLost) -> None:
        """Log why there is no connection, once for each cause."""
        if lost.cause != self.standing.cause:
            self.standing.cause = lost.cause
            log.warning("%s: no WebSocket: %s", self.name, lost.cause)
