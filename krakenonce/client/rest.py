"""The client itself: one API key, one lane, one warm connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias, cast

from krakenonce.client.budget import ReadBudget, Sleep, spend
from krakenonce.client.encoding import Draft, Params, draft, query
from krakenonce.client.turns import LaneSource, Turn
from krakenonce.client.wire import Wire
from krakenonce.clock import Clock, SystemClock
from krakenonce.errors import GrantEnded
from krakenonce.global_nonce import get_global_nonce_manager
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.credentials import Credentials, decode_secret
from krakenonce.kraken.methods import is_repeatable, purpose_of
from krakenonce.kraken.replies import Meaning, Outcome, Refused
from krakenonce.kraken.signing import sign_with
from krakenonce.lanes import Lane, Priority
from krakenonce.lanes import Turn as LaneTurn
from krakenonce.rates import KeyRates, Limits, NotSent, Permit, rates_of
from krakenonce.refusals.healing import PROBE

DEFAULT_BASE_URL = "https://api.kraken.com"

Announce: TypeAlias = Callable[[int], Awaitable[None]]
"""Told the nonce of a request inside its turn, right before it is signed and sent. If it raises, nothing is sent."""

_ANNOUNCED_IN_VAIN = Refused(("not sent: it could not be announced",), Meaning(Action.GIVE_UP, no_effect=True))


@dataclass(slots=True)
class _Flight:
    """One call on its way. Before it is airborne it may be cancelled; afterwards only its answer ends it."""

    method: str
    params: Params | None
    body: Draft
    priority: Priority
    above: int
    announce: Announce | None
    airborne: bool = False
    permit: Permit | None = None


_PROBE = _Flight(PROBE, None, draft(None), Priority.READ, 0, None)


class KrakenClient:
    """Private and public calls of one API key. Any number of tasks may call at the same time.

    Private calls wait for their turn in the key's lane, take their nonce last, are signed and sent once, and free the
    lane when the answer, the time-out or the end of the connection is known. A caller that is cancelled while waiting
    leaves the lane; one that is cancelled later leaves the request to be finished by the client.

    Belongs to the event loop of its first call. Close it, or use it as ``async with``.

    Parameters:
        credentials: the key to sign with.
        manager: where the lane comes from; the process's one nonce manager if None.
        base_url: scheme and host of the exchange, without a path.
        timeout: seconds one transmission may take, from the start of sending to the last byte of the answer. Waiting
            for the turn is not part of it.
        reissues: whether (1) or not (0) a refused nonce is healed in the same turn: by sending the request again, once
            at the most, and by probes that change nothing. The refused request had no effect, since its nonce was sent
            only once. See `krakenonce.refusals.healing`.
        budget: what a call that changes nothing may spend until it is answered.
        limits: Kraken's rate limits, as far as this process may use them. By default those of the lowest tier, and none
            at an exchange on this machine; see `krakenonce.rates.Limits`.
        account: a name for the account, for messages; several keys of one account share its limits for orders.
        clock: where time is read; sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        manager: LaneSource | None = None,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 10.0,
        reissues: int = 1,
        budget: ReadBudget | None = None,
        limits: Limits | None = None,
        account: str = "",
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.credentials = credentials
        self.base_url = base_url.rstrip("/")
        self._secret = decode_secret(credentials.secret)
        chosen = manager or get_global_nonce_manager()
        self._lane = chosen.lane(credentials.key, base_url=self.base_url)
        if account and isinstance(self._lane, Lane):
            self._lane.account = account
        self._wire = Wire(self.base_url, timeout)
        self._reissues = reissues
        self._budget = budget or ReadBudget()
        self._clock: Clock = clock or SystemClock()
        self._sleep = sleep
        self._rates = rates_of(chosen).rates(
            credentials.key, self.base_url, limits or Limits(), self._clock, account=account
        )
        self._flights: set[asyncio.Task[Outcome]] = set()

    def __repr__(self) -> str:
        return f"KrakenClient(fingerprint={self.credentials.fingerprint!r}, base_url={self.base_url!r})"

    @property
    def rates(self) -> KeyRates:
        """The limits of the key, for calls that go another way than through this client."""
        return self._rates

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(
        self,
        method: str,
        params: Params | None = None,
        *,
        priority: Priority | None = None,
        above: int = 0,
        announce: Announce | None = None,
    ) -> Outcome:
        """Make one private call and return its outcome: ``Accepted``, ``Refused`` or ``Unknown``.

        What the network or the exchange does never raises; only what is wrong with the call itself does. A call that
        changes nothing (`krakenonce.kraken.methods.REPEATABLE`) is sent again with a new nonce while its outcome is
        unknown and the budget lasts. Everything else is sent once: behind an unknown outcome it may have executed.

        A call that would exceed a rate limit waits before its turn. One that would wait too long, or that Kraken is
        known to refuse now, is not sent: the outcome is then `krakenonce.rates.NotSent`, a ``Refused``.

        Parameters:
            method: the name as in Kraken's documentation, such as ``AddOrder`` (case matters).
            params: the members of the request without the nonce. Read once, never written into.
            priority: the place in the lane; by default what the method is for: cancels go before orders, these before
                reads.
            above: a number that the nonce must exceed, see `Lane.turn`.
            announce: told the nonce in the turn, before anything is sent: for a journal. It runs again for a nonce that
                takes a refused one's place. What it raises comes back to the caller, and nothing was sent with that
                nonce.

        Raises:
            ConfigError: a parameter cannot be sent.
            LaneTimeout, StoreUnavailable: no turn or no nonce was to be had; nothing was sent.
            LaneQuarantined: the key sends nothing for a while, or its probe was not accepted; nothing was sent.
        """
        rank = Priority[purpose_of(method).name] if priority is None else priority
        body = draft(params)

        async def once() -> Outcome:
            return await self._once(_Flight(method, params, body, rank, above, announce))

        if is_repeatable(method):
            return await spend(self._budget, once, self._clock, self._sleep)
        return await once()

    async def _once(self, flight: _Flight) -> Outcome:
        task = asyncio.create_task(self._fly(flight))
        self._flights.add(task)
        task.add_done_callback(self._flights.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not flight.airborne:
                task.cancel()
            raise

    async def public(self, method: str, params: Params | None = None) -> Outcome:
        """Make one public call (GET, no nonce, no lane) and return its outcome. Repeated as `call` repeats reads.

        Raises:
            ConfigError: a parameter cannot be sent.
        """
        path, words = f"/0/public/{method}", query(params)
        outcome = await spend(self._budget, lambda: self._wire.get(path, words), self._clock, self._sleep)
        if method == "SystemStatus":
            self._rates.tell(outcome)
        return outcome

    async def close(self) -> None:
        """Let calls that were already made come to their end, then close the connection."""
        while self._flights:
            await asyncio.wait(self._flights)
        await self._wire.close()

    async def _fly(self, flight: _Flight) -> Outcome:
        permit = await self._rates.enter(flight.method, flight.params, flight.priority)
        if isinstance(permit, NotSent):
            return permit
        flight.permit = permit
        with permit:
            outcome = await self._take_turn(flight)
            permit.settle(outcome)
            return outcome

    async def _take_turn(self, flight: _Flight) -> Outcome:
        async with self._lane.turn(flight.priority, above=flight.above) as turn:
            flight.airborne = True
            if isinstance(turn, LaneTurn):
                return await self._converse(turn, flight)
            outcome = await self._send(turn, flight, turn.nonce)
            turn.report(outcome)
            return outcome

    async def _converse(self, turn: LaneTurn, flight: _Flight) -> Outcome:
        """Send what the turn's conversation asks for: the request, and, if it is refused, what heals the key."""
        talk = turn.conversation(heals=self._reissues > 0)
        step = next(talk)
        while True:
            nonce = await turn.atake(step)
            outcome = await self._send(turn, _PROBE if step.is_probe else flight, nonce)
            turn.settle(outcome)
            try:
                step = talk.send(outcome)
            except StopIteration as end:
                return cast("Outcome", end.value)

    async def _send(self, turn: Turn, flight: _Flight, nonce: int) -> Outcome:
        await _announce(turn, flight.announce, nonce)
        self._rates.count(flight.permit)
        while True:
            try:
                return await self._transmit(turn, flight, nonce)
            except GrantEnded:  # while the connection was made; nothing was sent
                nonce = await turn.areissue()
                await _announce(turn, flight.announce, nonce)

    async def _transmit(self, turn: Turn, flight: _Flight, nonce: int) -> Outcome:
        path, body = f"/0/private/{flight.method}", flight.body
        data = body.body(nonce)
        headers = {
            "API-Key": self.credentials.key,
            "API-Sign": sign_with(self._secret, path, str(nonce), data),
            "Content-Type": body.content_type,
        }
        observer = turn if isinstance(turn, LaneTurn) else None
        return await self._wire.post(path, data, headers, observer)


async def _announce(turn: Turn, announce: Announce | None, nonce: int) -> None:
    try:
        if announce is not None:
            await announce(nonce)
    except BaseException:
        turn.report(_ANNOUNCED_IN_VAIN)
        raise
