"""What became of a request whose answer was lost.

First a fence (`krakenonce.orders.fence`): behind it the order either stands in the exchange's books or never will. Then
the books are read; since they may lag, an order that is not there is looked for once more after the settle time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Outcome, Refused, Unknown
from krakenonce.lanes import Priority
from krakenonce.orders.books import Books
from krakenonce.orders.fence import Fence, Sleep
from krakenonce.orders.intents import Intent, Kind
from krakenonce.orders.records import Executed, NotExecuted, OrderState, Verdict

PASSING = frozenset({Action.WAIT, Action.NEW_NONCE})
"""What passes by itself: the same request may be accepted a little later."""

CLOCKS_APART_NS = 60 * NS_PER_SECOND
"""How far before its intent was written an order may have been opened, because we only know the exchange's clock about.

An order that was accepted was opened at most 60 s, less its own validity, earlier: further apart, Kraken refuses the
deadline.
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try.

    Parameters:
        attempts: how many times a request may be sent in all. Each further attempt needs proof that the former had no
            effect.
        settle_s: seconds between the two looks at the books; longer than these may lag.
        pause_s: seconds to wait before sending again what was refused for a passing reason; doubled each time.
    """

    attempts: int = 3
    settle_s: float = 10.0
    pause_s: float = 0.5


class Resolver:
    """Finds out what became of requests of one account. Any number of tasks at the same time.

    Every method raises `RequestRefused` or `OutcomeUnknown` if fence or books were not to be had: nothing is known
    then, and nothing may be sent again.

    Parameters:
        fence, books: of the account.
        settle_s: seconds between two looks at the books.
        sleep: how to wait, in seconds.
    """

    def __init__(self, fence: Fence, books: Books, settle_s: float, sleep: Sleep) -> None:
        self._fence, self._books, self._settle_s, self._sleep = fence, books, settle_s, sleep

    async def verdict(self, intent: Intent, *, priority: Priority) -> Verdict:
        """Return whether the request of *intent* was executed; if not, it never will be."""
        await self._fence.raise_behind(intent, priority=priority)
        return await self.look(intent, priority=priority)

    async def look(self, intent: Intent, *, priority: Priority, since_ns: int | None = None) -> Verdict:
        """Read the books, twice if need be: for requests that were answered, or that a fence keeps from executing.

        Parameters:
            since_ns: see `Books.find`; by default shortly before the intent was written.
        """
        oldest_ns = intent.written_ns - CLOCKS_APART_NS if since_ns is None else since_ns

        async def once() -> OrderState | None:
            return await self._find(intent, oldest_ns, priority)

        if intent.kind is Kind.PLACE:
            state = await self._twice(once, lambda found: found is not None)
            return await self._executed(state, priority) if state else NotExecuted(intent.detail)
        state = await self._twice(once, lambda found: found is not None and shows(intent, found))
        if state is None or not shows(intent, state):
            return NotExecuted(intent.detail)
        return await self._executed(state, priority)

    async def state(self, intent: Intent, *, priority: Priority) -> OrderState | None:
        """Return the order that *intent* aims at, as the books show it now."""
        return await self._find(intent, 0, priority)

    async def _twice(
        self, look: Callable[[], Awaitable[OrderState | None]], is_final: Callable[[OrderState | None], bool]
    ) -> OrderState | None:
        found = await look()
        if not is_final(found):
            await self._sleep(self._settle_s)
            found = await look()
        return found

    async def _find(self, intent: Intent, since_ns: int, priority: Priority) -> OrderState | None:
        members = intent.members
        if "txid" in members:
            return (await self._books.query([members["txid"]], priority=priority)).get(members["txid"])
        name = members["cl_ord_id"]
        if intent.kind is not Kind.PLACE:
            return await self._books.find(name, priority=priority)
        found = await self._books.find(name, since_ns=since_ns, priority=priority)
        if found is None and since_ns:
            found = await self._books.find_by_trades(name, since_ns=since_ns, priority=priority)
        return found

    async def _executed(self, state: OrderState, priority: Priority) -> Executed:
        if not state.executed:
            return Executed(state)
        fills = await self._books.fills(state.opened_ns - NS_PER_SECOND, priority=priority)
        return Executed(state, tuple(fill for fill in fills if fill.order_txid == state.txid))


def shows(intent: Intent, state: OrderState) -> bool:
    """Return whether *state* is what the cancel or amend of *intent* wanted, or one that makes it pointless."""
    if not state.is_open or intent.kind is Kind.CANCEL:
        return not state.is_open
    wanted = intent.members
    return all(
        Decimal(wanted[name]) == has
        for name, has in (("order_qty", state.volume), ("limit_price", state.limit), ("trigger_price", state.trigger))
        if name in wanted
    )


def may_exist(outcome: Outcome) -> bool:
    """Return whether *outcome* leaves it open if the request was executed."""
    return isinstance(outcome, Unknown) or (isinstance(outcome, Refused) and outcome.meaning.action is Action.LOOK)
