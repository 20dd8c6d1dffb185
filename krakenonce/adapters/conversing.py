"""What a client sends in one turn: the two drivers of `krakenonce.refusals.healing.conversation`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from krakenonce.adapters.calls import Call
from krakenonce.adapters.endings import Ending, aending_of, ending_of
from krakenonce.lanes import Turn


def converse(turn: Turn, call: Call, send: Callable[[], Any], probe: Callable[[], Any]) -> Any:
    """Send what the turn's conversation asks for, and end as the request did when it was sent last."""
    talk = turn.conversation()
    step, request = next(talk), None
    while True:
        ending = ending_of(probe if step.is_probe else send)
        request = request if step.is_probe else ending
        turn.settle(ending.outcome)
        try:
            step = talk.send(ending.outcome)
        except StopIteration as end:
            return cast("Ending", request).give(end.value)
        turn.take(step)
        call.renew()


async def aconverse(
    turn: Turn, call: Call, send: Callable[[], Awaitable[Any]], probe: Callable[[], Awaitable[Any]]
) -> Any:
    """As `converse`, without blocking the event loop."""
    talk = turn.conversation()
    step, request = next(talk), None
    while True:
        ending = await aending_of(probe if step.is_probe else send)
        request = request if step.is_probe else ending
        turn.settle(ending.outcome)
        try:
            step = talk.send(ending.outcome)
        except StopIteration as end:
            return cast("Ending", request).give(end.value)
        await turn.atake(step)
        call.renew()
