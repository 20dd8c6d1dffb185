"""How one attempt of a client's ended: with a result or with an exception, and what that says of the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from krakenonce.adapters.outcomes import outcome_of_failure, outcome_of_result
from krakenonce.adapters.verdicts import note
from krakenonce.kraken.replies import Outcome, Refused


class Ending(NamedTuple):
    """A result, or the exception in its place."""

    outcome: Outcome
    result: Any = None
    error: Exception | None = None

    def give(self, last: Outcome) -> Any:
        """Return the result or raise the exception, with *last*'s explanation as a note, and *last* itself attached."""
        note(last, self.error)
        if self.error is None:
            return self.result
        if isinstance(last, Refused) and last.explanation:
            self.error.add_note(f"krakenonce: {last.explanation}")
        raise self.error


def ending_of(send: Callable[[], Any]) -> Ending:
    """Send, and return how it ended. What is no `Exception` (an interrupt) goes through."""
    try:
        result = send()
    except Exception as error:  # noqa: BLE001 - whatever the client raises is the caller's, later
        return Ending(outcome_of_failure(error), None, error)
    return Ending(outcome_of_result(result), result)


async def aending_of(send: Callable[[], Awaitable[Any]]) -> Ending:
    """As `ending_of`. A cancellation goes through."""
    try:
        result = await send()
    except Exception as error:  # noqa: BLE001 - whatever the client raises is the caller's, later
        return Ending(outcome_of_failure(error), None, error)
    return Ending(outcome_of_result(result), result)
