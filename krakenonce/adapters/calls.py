"""One private call of a client on its way: which turn it is in, and which nonce it signs with."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

from krakenonce.adapters.outcomes import outcome_of_failure
from krakenonce.lanes import Turn

# A context variable, because threads and tasks use one client object at the same time: each sees its own call only.
_current: ContextVar[Call | None] = ContextVar("krakenonce_call", default=None)


class Call:
    """A private call inside its turn. Used as a context manager around the client's own sending.

    Reports to the turn how the call ended, also when it ends in an exception.
    """

    __slots__ = ("_response", "_signed", "_token", "_turn", "client")

    def __init__(self, client: object, turn: Turn) -> None:
        self.client = client
        self._turn: Turn | None = turn
        self._signed = False
        self._response: Any = None

    def nonce(self) -> int:
        """Return the turn's nonce for the first signature, a fresh and higher one for each further signature."""
        turn = self._turn
        if turn is None:
            raise RuntimeError("this call is over")
        if self._signed:
            return turn.reissue()
        self._signed = True
        return turn.nonce

    def renew(self) -> None:
        """Let the next signature take the nonce that was just issued: another step of the same turn begins."""
        self._signed = False
        self._let_go()

    def leaves(self) -> None:
        """Note that the request is handed to the HTTP library."""
        if self._turn is not None:
            self._turn.note_sent()

    def keep(self, response: Any, port: int) -> None:
        """Note the HTTP response: its date, the local *port* it came to (0 if that is unknown), and itself, to be
        closed if the client gives up on it without reading.
        """
        self._response = response
        if self._turn is not None:
            self._turn.note_port(port)
            self._turn.note_date(str(response.headers.get("Date", "")))

    def __enter__(self) -> Self:
        self._token: Token[Call | None] = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        turn, self._turn = self._turn, None
        if error is not None and turn is not None:
            turn.report(outcome_of_failure(error))
            self._let_go()

    def _let_go(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()

    @property
    def over(self) -> bool:
        """True once the call has ended; a context copied from it (a background task's) may outlive it."""
        return self._turn is None


def current_call(client: object = None) -> Call | None:
    """Return the call that this thread or task is inside of: any client's, or only one of *client*."""
    call = _current.get()
    if call is None or call.over or (client is not None and call.client is not client):
        return None
    return call
