"""One connection, from the first subscription to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from krakenonce.client.budget import Sleep
from krakenonce.client.encoding import Value
from krakenonce.client.websocket.dialogue import Dialogue, OnAnswer
from krakenonce.client.websocket.frames import Reply, Skipped, Told, encoded, read_frame
from krakenonce.client.websocket.listening import Listener, Standing, Subscription
from krakenonce.client.websocket.sockets import ConnectionLost, Socket
from krakenonce.client.websocket.timing import Timing
from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Meaning, Outcome, Refused, Unknown

log = logging.getLogger("krakenonce")

NOT_SENT = Refused(("not sent: the WebSocket is not connected",), Meaning(Action.WAIT, no_effect=True))
_LOOK_S = 1.0
_CLOSED = "closed by us"


class Connection:
    """Reads, asks and watches on one socket. Belongs to one event loop.

    Parameters:
        name: the account's name, for the log.
        socket: open, and closed by whoever opened it.
        token: what private requests carry.
        listener: hears the channels; standing: is kept up to date.
        timing, clock, sleep: see `Session`.
    """

    def __init__(
        self,
        name: str,
        socket: Socket,
        token: str,
        listener: Listener,
        standing: Standing,
        timing: Timing,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._name, self._socket, self.token = name, socket, token
        self._listener, self._standing = listener, standing
        self._timing, self._clock, self._sleep = timing, clock, sleep
        self._dialogue = Dialogue()
        self._heard_ns = clock.boot_ns()
        self._dropped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def hold(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Subscribe, and stay until the connection is over: then `ConnectionLost` is raised."""
        cause = _CLOSED
        try:
            await _first_end(self._read(), self._tend(subscriptions), self._await_drop())
        except ConnectionLost as lost:
            cause = lost.cause
            raise
        finally:
            self._end(cause)

    def ask(
        self,
        method: str,
        params: Mapping[str, Value] | None = None,
        *,
        token: str = "",
        answer_s: float | None = None,
        on_answer: OnAnswer | None = None,
    ) -> asyncio.Future[Outcome]:
        """Hand a request to the socket; see `Session.ask`. With *token* in place of the connection's own."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answered(outcome: Outcome) -> None:
            if on_answer is not None:
                on_answer(outcome)
            if not future.done():
                future.set_result(outcome)

        patience_s = self._timing.answer_s if answer_s is None else answer_s
        self.hand(method, encoded(params or {}), patience_s, answered, token)
        return future

    def hand(self, method: str, members: str, answer_s: float, on_answer: OnAnswer, token: str = "") -> None:
        """Hand a request to the socket; see `Session.hand`. With *token* in place of the connection's own."""
        until_ns = self._clock.boot_ns() + int(answer_s * NS_PER_SECOND)
        secret = "" if method == "ping" else token or self.token
        text, number = self._dialogue.begin(method, members, secret, until_ns, on_answer)
        try:
            self._socket.write(text)
        except ConnectionLost:
            self._dialogue.withdraw(number, NOT_SENT)

    async def subscribe(self, channel: str, params: Mapping[str, Value], token: str = "") -> Outcome:
        """Subscribe to *channel* and return the outcome; the listener is told before the first message is read."""

        def begun(outcome: Outcome) -> None:
            if isinstance(outcome, Accepted):
                self._listener.on_subscribed(channel)

        return await self.ask("subscribe", {"channel": channel, **params}, token=token, on_answer=begun)

    def drop(self, cause: str) -> None:
        """Give the connection up."""
        if not self._dropped.done():
            self._dropped.set_result(cause)

    async def _read(self) -> None:
        while True:
            text = await self._socket.receive()
            self._heard_ns = self._clock.boot_ns()
            self._standing.frames += 1
            self._take(text)

    def _take(self, text: str | bytes) -> None:
        frame = read_frame(text)
        if isinstance(frame, Told):
            self._tell(frame)
        elif isinstance(frame, Reply):
            reason = self._dialogue.answer(frame)
            if reason:
                self._skip(reason)
        elif isinstance(frame, Skipped):
            self._skip(frame.reason)

    def _tell(self, told: Told) -> None:
        try:
            if told.channel == "status":
                self._standing.system = str(told.data[0]["system"])
            else:
                self._listener.on_told(told)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._skip(f"a message of {told.channel} in no documented form ({type(error).__name__})")

    def _skip(self, reason: str) -> None:
        self._standing.skipped += 1
        number = self._standing.skipped
        if number & (number - 1) == 0:  # the 1st, 2nd, 4th, 8th...: a flood of nonsense must not become a flood of log
            log.warning("%s: frame skipped (number %d): %s", self._name, number, reason)

    async def _tend(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Subscribe, then watch for silence."""
        for subscription in subscriptions:
            outcome = await self.subscribe(subscription.channel, subscription.params)
            if not isinstance(outcome, Accepted):
                raise ConnectionLost(f"{subscription.channel}: {words(outcome)}", 1.0)
        self._standing.up_since_ns = self._clock.wall_ns()
        log.info("%s: WebSocket connected", self._name)
        self._listener.on_up()
        while True:
            await self._watch()

    async def _watch(self) -> None:
        """Wait a moment, then end what has waited too long, and the connection if it has been silent for too long."""
        before = self._clock.boot_ns()
        await self._sleep(_LOOK_S)
        now = self._clock.boot_ns()
        self._dialogue.expire(now)
        self._standing.heard_ns = self._clock.wall_ns() - (now - self._heard_ns)
        if now - before > 2 * _LOOK_S * NS_PER_SECOND:
            return  # we slept ourselves; what has come meanwhile is read before the next look
        silent_s = (now - self._heard_ns) / NS_PER_SECOND
        if silent_s >= self._timing.silence_s:
            raise ConnectionLost(f"silent for {silent_s:.1f} s")
        if silent_s >= self._timing.silence_s / 2:
            self.ask("ping")

    async def _await_drop(self) -> None:
        raise ConnectionLost(await self._dropped)

    def _end(self, cause: str) -> None:
        was_up, self._standing.up_since_ns = self._standing.up_since_ns != 0, 0
        self._standing.losses += 1
        if was_up:
            self._standing.cause = cause
            log.log(logging.INFO if cause == _CLOSED else logging.WARNING, "%s: WebSocket lost: %s", self._name, cause)
        self._dialogue.end(cause)
        self._listener.on_down(cause)


def words(outcome: Outcome) -> str:
    """Return why *outcome* is no success, in the exchange's words or ours."""
    if isinstance(outcome, Refused):
        return outcome.error
    return outcome.cause if isinstance(outcome, Unknown) else ""


async def _first_end(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run *jobs* at the same time until the first of them raises; then end the others, and raise."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
