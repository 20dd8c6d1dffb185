"""What became of an order whose answer was lost, and how to place one exactly once.

Kraken refuses every nonce that is not above the highest it has accepted for the key. So once a later request is
accepted, an older one can never execute any more: the later one is a *barrier*. Behind it, the order either stands in
the books or never will; since the books may lag for a moment, they are read twice.

This holds for keys with a nonce window of 0 (https://support.kraken.com/hc/en-us/articles/360001148023).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from krakenonce.broker.records import Order, OrderState, Placement
from krakenonce.errors import ConfigError
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Meaning, Refused, Unknown
from krakenonce.lanes import Priority

PASSING = frozenset({Action.WAIT, Action.NEW_NONCE})
"""What passes by itself: the same order may be accepted a little later."""

_ANSWER_LOST = Refused(("the answer was lost, and the order was not executed",), Meaning(Action.WAIT, no_effect=True))
_NEVER_SENT = Refused(("no attempt was allowed",), Meaning(Action.GIVE_UP, no_effect=True))


class Books(Protocol):
    """What is needed of an account to place an order exactly once."""

    async def place(self, order: Order, *, priority: Priority) -> Placement | Refused | Unknown:
        """Send the order once."""

    async def barrier(self, *, priority: Priority) -> None:
        """Have a request accepted that changes nothing; raises if none is."""

    async def find(self, cl_ord_id: str, *, priority: Priority) -> OrderState | None:
        """Look the order up among the open and the closed ones."""


Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Parameters:
        attempts: how many times an order may be sent in all. Each further attempt needs proof that the former had no
            effect.
        settle_s: seconds between the two looks at the books; longer than these may lag.
        pause_s: seconds to wait before sending again what was refused for a passing reason; doubled each time.
    """

    attempts: int = 3
    settle_s: float = 10.0
    pause_s: float = 0.5


async def resolve(books: Books, cl_ord_id: str, settle_s: float, sleep: Sleep, priority: Priority) -> OrderState | None:
    """Return the order that *cl_ord_id* names, or None if it was not executed and never will be.

    Raises:
        RequestRefused, OutcomeUnknown: the barrier or a look was not answered, so nothing is known yet.
    """
    await books.barrier(priority=priority)
    found = await books.find(cl_ord_id, priority=priority)
    if found is None:
        await sleep(settle_s)
        found = await books.find(cl_ord_id, priority=priority)
    return found


async def place_once(
    books: Books, order: Order, patience: Patience, sleep: Sleep, priority: Priority = Priority.ENTRY
) -> Placement | Refused:
    """Place *order* so that it exists at most once, whatever happens to requests and answers.

    It is sent again only when the former attempt is proved to have had no effect. ``Refused`` means that it does not
    exist and never will.

    Raises:
        ConfigError: the order has no ``cl_ord_id`` by which it could be looked up.
        RequestRefused, OutcomeUnknown: its fate could not be found out. Do not send it again; call `resolve` later.
    """
    if order.cl_ord_id is None:
        raise ConfigError("cl_ord_id", "missing", "Name the order, so that it can be found if its answer is lost.")
    refusal: Refused = _NEVER_SENT
    for attempt in range(1, patience.attempts + 1):
        outcome = await books.place(order, priority=priority)
        if isinstance(outcome, Placement):
            return replace(outcome, attempts=attempt)
        if _may_exist(outcome):
            state = await resolve(books, order.cl_ord_id, patience.settle_s, sleep, priority)
            if state is not None:
                return Placement(state.txid, state.committed, attempt, looked_up=True)
        refusal = outcome if isinstance(outcome, Refused) else _ANSWER_LOST
        if refusal.meaning.action not in PASSING:
            break
        if isinstance(outcome, Refused) and attempt < patience.attempts:
            await sleep(patience.pause_s * 2 ** (attempt - 1))
    return refusal


def _may_exist(outcome: Refused | Unknown) -> bool:
    return isinstance(outcome, Unknown) or outcome.meaning.action is Action.LOOK
