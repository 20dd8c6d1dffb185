"""How often, and for how long, a question without an answer is asked again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.kraken.replies import Outcome, Unknown

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ReadBudget:
    """What a call that changes nothing may spend until it has its answer. Writes are never repeated by it.

    Parameters:
        attempts: how many times it may be sent in all, each time in a new turn with a new nonce.
        seconds: after how many seconds no further attempt is begun.
        pause_s: seconds before the second attempt; doubled for each further one.
    """

    attempts: int = 3
    seconds: float = 30.0
    pause_s: float = 0.1


async def spend(budget: ReadBudget, ask: Callable[[], Awaitable[Outcome]], clock: Clock, sleep: Sleep) -> Outcome:
    """Return the outcome of *ask*: the first that is not ``Unknown``, or the last the budget allows."""
    until_ns = clock.boot_ns() + int(budget.seconds * NS_PER_SECOND)
    outcome = await ask()
    pause_s = budget.pause_s
    for _ in range(budget.attempts - 1):
        if not isinstance(outcome, Unknown) or clock.boot_ns() >= until_ns:
            break
        await sleep(pause_s)
        pause_s *= 2
        outcome = await ask()
    return outcome
