"""Which requests of one connection wait for which replies. No input or output; belongs to its event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from krakenonce.client.websocket.frames import Reply, request_text
from krakenonce.kraken.replies import Outcome, Unknown

OnAnswer = Callable[[Outcome], None]


@dataclass(slots=True)
class _Pending:
    method: str
    until_ns: int
    on_answer: OnAnswer


class Dialogue:
    """Numbers requests and gives each reply to the one it belongs to.

    Every request ends: with its reply, or as ``Unknown`` when its time or the connection is over. None is ever sent
    again from here.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._pending: dict[int, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def begin(self, method: str, members: str, token: str, until_ns: int, on_answer: OnAnswer) -> tuple[str, int]:
        """Return a request's text and its number.

        Parameters:
            members: the params as they travel.
            until_ns: the moment of the boot clock after which no reply is waited for.
            on_answer: called with the outcome the moment it is known, before anything else that arrives is read.
        """
        number = next(self._numbers)
        self._pending[number] = _Pending(method, until_ns, on_answer)
        return request_text(method, members, number, token), number

    def answer(self, reply: Reply) -> str:
        """Take in a reply; return why it can't be used, or empty text."""
        pending = None if reply.req_id is None else self._pending.get(reply.req_id)
        if pending is None:
            return f"a reply to {reply.method} that nobody waits for"
        if reply.method not in (pending.method, "pong", "error"):
            return f"a reply to {reply.method} with the number of another request"
        self._end(reply.req_id or 0, reply.outcome)
        return ""

    def withdraw(self, number: int, outcome: Outcome) -> None:
        """End a request that was not handed over."""
        self._end(number, outcome)

    def expire(self, now_ns: int) -> None:
        """End what has waited too long."""
        for number in [number for number, pending in self._pending.items() if pending.until_ns <= now_ns]:
            self._end(number, Unknown("no answer in time"))

    def end(self, cause: str) -> None:
        """The connection is over: nobody knows what became of the requests that were under way."""
        for number in list(self._pending):
            self._end(number, Unknown(f"connection lost: {cause}"))

    def _end(self, number: int, outcome: Outcome) -> None:
        self._pending.pop(number).on_answer(outcome)
