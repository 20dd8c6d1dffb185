"""krakenonce inside one client: the lane its private calls go through, and the way back out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from krakenonce.adapters.admission import Admission
from krakenonce.adapters.calls import Call, current_call
from krakenonce.adapters.conversing import aconverse, converse
from krakenonce.adapters.flights import Flight
from krakenonce.adapters.libraries import Library
from krakenonce.adapters.patches import Patch
from krakenonce.adapters.transmissions import Guards
from krakenonce.adapters.urgency import priority_of
from krakenonce.adapters.verdicts import await_verdict, last_outcome
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import fingerprint
from krakenonce.kraken.replies import Outcome
from krakenonce.lanes import Lane, Priority, Turn
from krakenonce.rates import KeyRates, Limits, rates_of

MARK = "_krakenonce"
"""The instance attribute under which a client keeps its installation."""

Result = TypeVar("Result")


class Installation:
    """krakenonce at work inside one client object. Made by `install`; safe to use from any thread.

    Attributes:
        account: ``MASTER`` or ``USER:<name>``, as it was installed for.
        manager: where the nonces come from.
    """

    def __init__(
        self,
        library: Library,
        client: Any,
        account: str,
        manager: GlobalKrakenNonceManager,
        priority: Priority | None,
        timeout: float | None,
        limits: Limits | None = None,
    ) -> None:
        self.account, self.manager = account, manager
        self._limits = limits
        self._rates: KeyRates | None = None
        self._library, self._client = library, client
        self._priority, self._timeout = priority, timeout
        self._under_way: set[object] = set()
        self._flights: set[asyncio.Task[Any]] = set()
        self._guards = Guards()
        self._address = ("", "")
        self._lane: Lane = self.lane
        self._patch = Patch(client, {MARK: self, **library.hooks(client, self)})

    def __repr__(self) -> str:
        return f"Installation(account={self.account!r}, key={fingerprint(self._address[0])!r})"

    @property
    def lane(self) -> Lane:
        """The lane of the client's key, as the client stands now: a key or an address given to it later counts."""
        key, base_url = address = self._library.key(self._client), self._library.base_url(self._client)
        if address != self._address:
            self._lane, self._address = self.manager.lane(key, base_url=base_url), address
            self._lane.account = self.account
            if self._limits is not None:
                registry = rates_of(self.manager)
                self._rates = registry.rates(key, base_url, self._limits, self.manager.clock, account=self.account)
        return self._lane

    def is_same_as(self, account: str, manager: object, *settings: object) -> bool:
        """Return True if it was made with the same settings: priority, timeout and limits."""
        own = (self._priority, self._timeout, self._limits)
        return (self.account, own) == (account, settings) and self.manager is manager

    def uninstall(self) -> None:
        """Leave the client as it was before.

        Raises:
            ConfigError: private calls are under way or wait for their turn; they could not be signed any more.
        """
        number = len(self._under_way) + len(self._flights)
        if number:
            raise ConfigError("client", f"{number} private calls under way", "Let them end, then uninstall.")
        self._patch.undo()
        self._guards.release()

    def last_outcome(self) -> Outcome | None:
        """Return how the last private call of this thread or task through the client ended; None if nothing was sent.

        ``Refused``: it had no effect, which is proved. ``Unknown``: it may have executed. What the client makes of it
        (a result, an exception of its own) stays as it is; see also `krakenonce.adapters.outcome_of`.
        """
        return last_outcome(self)

    # What follows is for the libraries' hooks.

    def nonce(self) -> int:
        """Return the nonce to sign with: of the current turn, or, outside of any turn, the source's next number."""
        call = current_call(self._client)
        return self.manager.get_nonce() if call is None else call.nonce()

    def is_in_turn(self) -> bool:
        """Return True inside one of the client's own private calls, once its turn has come."""
        return current_call(self._client) is not None

    def guard(self, session: Any) -> None:
        """See to it that private calls through *session* are transmitted once. Does nothing the second time."""
        self._guards.add(session)

    def run(
        self, method: str, send: Callable[[], Result], probe: Callable[[], object], params: object = None
    ) -> Result:
        """Sign and send one private call inside a turn, blocking this thread until it is over.

        Parameters:
            method: what decides the priority.
            send: makes the call; once more if its nonce was refused and the key could be healed.
            probe: calls `krakenonce.refusals.healing.PROBE` with the same client.
            params: the members of the request, from which its cost follows.
        """
        if not self._library.key(self._client):
            return send()  # the client complains in its own words
        lane, rank = self.lane, priority_of(method, self._priority)
        turn = lane.turn(rank, timeout=self._timeout)
        await_verdict(self)
        self._under_way.add(turn)
        try:
            if self._rates is None:
                return self._in_turn(turn, send, probe)
            admission = Admission(self._rates, method, params)
            with admission.blocking(rank), admission.conclusion(turn):
                return self._in_turn(turn, send, probe, admission.sent)
        finally:
            self._under_way.discard(turn)

    def _in_turn(
        self,
        turn: Turn,
        send: Callable[[], Result],
        probe: Callable[[], object],
        begin: Callable[[], None] | None = None,
    ) -> Result:
        with turn, Call(self._client, turn) as call:
            if begin is not None:
                begin()
            return cast("Result", converse(turn, call, send, probe))

    async def run_async(
        self,
        method: str,
        send: Callable[[], Awaitable[Result]],
        probe: Callable[[], Awaitable[object]],
        params: object = None,
    ) -> Result:
        """As `run`, without blocking the event loop.

        A caller that is cancelled while the call waits for its turn takes it out of the lane. Later than that, the
        request goes on without its caller and holds the lane until the answer, the client's time-out or the end of the
        connection: otherwise the next request could overtake it.
        """
        if not self._library.key(self._client):
            return await send()
        flight = Flight(method, priority_of(method, self._priority))
        lane = self.lane
        admission = None if self._rates is None else Admission(self._rates, method, params)
        await_verdict(self)
        task = asyncio.create_task(self._fly(flight, lane, admission, send, probe))
        self._flights.add(task)  # a strong reference: the loop itself keeps a weak one
        task.add_done_callback(self._flights.discard)
        task.add_done_callback(flight.land)
        try:
            await flight.landed
        except asyncio.CancelledError:
            flight.leave_to_itself(task)
            raise
        return task.result()

    async def _fly(
        self,
        flight: Flight,
        lane: Lane,
        admission: Admission | None,
        send: Callable[[], Awaitable[Result]],
        probe: Callable[[], Awaitable[object]],
    ) -> Result:
        turn = lane.turn(flight.priority, timeout=self._timeout)
        if admission is None:
            return await self._fly_in_turn(flight, turn, send, probe)
        async with admission.waiting(flight.priority):
            with admission.conclusion(turn):
                return await self._fly_in_turn(flight, turn, send, probe, admission.sent)

    async def _fly_in_turn(
        self,
        flight: Flight,
        turn: Turn,
        send: Callable[[], Awaitable[Result]],
        probe: Callable[[], Awaitable[object]],
        begin: Callable[[], None] | None = None,
    ) -> Result:
        async with turn:
            flight.is_airborne = True
            if begin is not None:
                begin()
            with Call(self._client, turn) as call:
                return cast("Result", await aconverse(turn, call, send, probe))
