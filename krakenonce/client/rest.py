"""The client itself: one API key, one lane, one warm connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from krakenonce.client.encoding import Draft, Params, draft, query
from krakenonce.client.turns import LaneSource, Turn
from krakenonce.client.wire import Wire
from krakenonce.errors import GrantEnded
from krakenonce.global_nonce import get_global_nonce_manager
from krakenonce.kraken.credentials import Credentials, decode_secret
from krakenonce.kraken.methods import purpose_of
from krakenonce.kraken.replies import Outcome, Refused
from krakenonce.kraken.signing import sign_with
from krakenonce.lanes import Priority

DEFAULT_BASE_URL = "https://api.kraken.com"


@dataclass(slots=True)
class _Flight:
    """One call on its way. Before it is airborne it may be cancelled; afterwards only its answer ends it."""

    airborne: bool = False


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
        reissues: how many times a request refused for its nonce is sent again, in the same turn, with a fresh one.
            The refused request had no effect, since its nonce was sent only once.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        manager: LaneSource | None = None,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 10.0,
        reissues: int = 1,
    ) -> None:
        self.credentials = credentials
        self.base_url = base_url.rstrip("/")
        self._secret = decode_secret(credentials.secret)
        self._lane = (manager or get_global_nonce_manager()).lane(credentials.key, base_url=self.base_url)
        self._wire = Wire(self.base_url, timeout)
        self._reissues = reissues
        self._flights: set[asyncio.Task[Outcome]] = set()

    def __repr__(self) -> str:
        return f"KrakenClient(fingerprint={self.credentials.fingerprint!r}, base_url={self.base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, method: str, params: Params | None = None, *, priority: Priority | None = None) -> Outcome:
        """Make one private call and return its outcome: ``Accepted``, ``Refused`` or ``Unknown``.

        What the network or the exchange does never raises; only what is wrong with the call itself does.

        Parameters:
            method: the name as in Kraken's documentation, such as ``AddOrder`` (case matters).
            params: the members of the request without the nonce. Read once, never written into.
            priority: the place in the lane; by default what the method is for: cancels go before orders, these before
                reads.

        Raises:
            ConfigError: a parameter cannot be sent.
            LaneTimeout, StoreUnavailable: no turn or no nonce was to be had; nothing was sent.
        """
        rank = Priority[purpose_of(method).name] if priority is None else priority
        flight = _Flight()
        task = asyncio.create_task(self._fly(flight, f"/0/private/{method}", draft(params), rank))
        self._flights.add(task)
        task.add_done_callback(self._flights.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not flight.airborne:
                task.cancel()
            raise

    async def public(self, method: str, params: Params | None = None) -> Outcome:
        """Make one public call (GET, no nonce, no lane) and return its outcome.

        Raises:
            ConfigError: a parameter cannot be sent.
        """
        return await self._wire.get(f"/0/public/{method}", query(params))

    async def close(self) -> None:
        """Let calls that were already made come to their end, then close the connection."""
        while self._flights:
            await asyncio.wait(self._flights)
        await self._wire.close()

    async def _fly(self, flight: _Flight, path: str, body: Draft, priority: Priority) -> Outcome:
        async with self._lane.turn(priority) as turn:
            flight.airborne = True
            outcome = await self._send(path, body, await _nonce_of(turn))
            outcome = await self._send_afresh(turn, path, body, outcome)
            turn.report(outcome)
            return outcome

    async def _send_afresh(self, turn: Turn, path: str, body: Draft, outcome: Outcome) -> Outcome:
        for _ in range(self._reissues):
            if not (isinstance(outcome, Refused) and outcome.invalid_nonce):
                break
            turn.report(outcome)
            outcome = await self._send(path, body, await turn.areissue())
        return outcome

    async def _send(self, path: str, body: Draft, nonce: int) -> Outcome:
        data = body.body(nonce)
        headers = {
            "API-Key": self.credentials.key,
            "API-Sign": sign_with(self._secret, path, str(nonce), data),
            "Content-Type": body.content_type,
        }
        return await self._wire.post(path, data, headers)


async def _nonce_of(turn: Turn) -> int:
    try:
        return turn.nonce
    except GrantEnded:  # this process was stopped between its place and its nonce
        return await turn.areissue()
