"""Whether a foreign client's call may be made now, by the rate limits it was installed with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager

from krakenonce.errors import HeldBack
from krakenonce.lanes import Priority, Turn
from krakenonce.rates import KeyRates, NotSent, Permit


class Admission:
    """One call on its way through the limits. Used once, around the call's turn.

    Parameters:
        rates: the key's limits.
        method: the method, or a path that ends in it; params: the members of the request, of any type.
    """

    __slots__ = ("_method", "_params", "_permit", "_rates")

    def __init__(self, rates: KeyRates, method: str, params: object) -> None:
        self._rates, self._method = rates, method.rpartition("/")[2]
        self._params = params if isinstance(params, Mapping) else None
        self._permit: Permit | None = None

    @contextmanager
    def blocking(self, priority: Priority) -> Generator[None, None, None]:
        """Wait for room, blocking this thread.

        Raises:
            HeldBack: there is none in time.
        """
        with self._admitted(self._rates.enter_blocking(self._method, self._params, priority)):
            yield

    @asynccontextmanager
    async def waiting(self, priority: Priority) -> AsyncGenerator[None, None]:
        """As `blocking`, on the running loop."""
        with self._admitted(await self._rates.enter(self._method, self._params, priority)):
            yield

    @contextmanager
    def conclusion(self, turn: Turn) -> Generator[None, None, None]:
        """Tell the limits what *turn* was told, however the block ends."""
        try:
            yield
        finally:
            if self._permit is not None:
                self._permit.end(turn.outcome)

    def sent(self) -> None:
        """The request goes out."""
        if self._permit is not None:
            self._permit.sent()

    def _admitted(self, answer: Permit | NotSent) -> Permit:
        if isinstance(answer, NotSent):
            raise HeldBack(f"{self._method} was {answer.error}")
        self._permit = answer
        return answer
