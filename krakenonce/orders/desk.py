"""Where one account's orders are placed, canceled and amended, each exactly once, whatever gets lost on the way."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from krakenonce.client import KrakenClient
from krakenonce.clock import Clock
from krakenonce.kraken.credentials import fingerprint
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders.books import Books
from krakenonce.orders.fence import Fence, Sleep
from krakenonce.orders.inquiry import Inquiry
from krakenonce.orders.intents import Intent, State
from krakenonce.orders.journal import Journal
from krakenonce.orders.persistence import PersistentInquiry
from krakenonce.orders.records import Executed, NotExecuted, Order, OrderState, Placement, Verdict
from krakenonce.orders.requests import Request, amending, canceling, placing
from krakenonce.orders.resolution import Patience, Resolver
from krakenonce.orders.sending import Sender

log = logging.getLogger("krakenonce")


@dataclass(frozen=True, slots=True)
class Recovered:
    """A request that an earlier run left open, and what became of it."""

    intent: Intent
    verdict: Verdict


class OrderDesk:
    """Orders of one account, each exactly once. Any number of tasks of one event loop at the same time.

    A request is written into the journal, with its nonce, before it is sent. If its answer is lost, its fate is found
    out, and it is sent again only when it is proved that it was not executed and never will be. What an earlier run
    left open is resolved before anything new is sent.

    Needs a key with a nonce window of 0 for the whole of the promise; see docs/explanation/exactly-once.md for what is
    left of it above.

    Parameters:
        account: the account's name, ``MASTER`` or ``USER:<name>``.
        client: what requests are sent with.
        journal: where intents are kept; several accounts, desks and processes may share one.
        clock: where time is read; sleep: how to wait, in seconds.
        patience: how long to try.
        offset_ns: returns what the exchange's clock shows minus what ours does.
    """

    def __init__(
        self,
        account: str,
        client: KrakenClient,
        journal: Journal,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        patience: Patience | None = None,
        offset_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        patience = patience or Patience()
        inquiry = Inquiry(account, client)
        self.books = Books(inquiry)
        self.proofs = Books(PersistentInquiry(account, client, sleep))
        self._account = f"{fingerprint(client.base_url)}:{account}"
        self._journal = journal
        self._holder = secrets.token_hex(8)
        self._recovered: asyncio.Task[list[Recovered]] | None = None

        def now_ns() -> int:
            return clock.wall_ns() + offset_ns()

        resolver = Resolver(Fence(client, inquiry, now_ns, sleep), self.proofs, patience.settle_s, sleep)
        self._resolver = resolver
        self._sender = Sender(self._account, self._holder, client, journal, resolver, patience, now_ns, sleep)

    async def place(self, order: Order, *, priority: Priority = Priority.ENTRY) -> Placement | Refused:
        """Place *order* so that it exists exactly once, or not at all.

        Its ``cl_ord_id`` names it for good: placed again under the same name, also by a later run, it is not sent but
        looked up in the journal. ``Refused`` means that it does not exist and never will; it may be placed again.

        Raises:
            ConfigError: the name was used for another order.
            LaneTimeout, StoreUnavailable: nothing was sent.
            RequestRefused, OutcomeUnknown: its fate could not be found out yet. Call again with the same order (and
                name) later: then it is found out first.
        """
        await self.recover()
        return await self._sender.place(placing(_named(order)), priority)

    async def cancel(
        self, *, txid: str | None = None, cl_ord_id: str | None = None, priority: Priority = Priority.CANCEL
    ) -> OrderState | Refused:
        """Cancel one order by either of its names and return how it ended: what of it was filled before is known then.

        An order that was closed already is no error. ``Refused`` means that there is no such order, or that the
        exchange refuses to cancel it.

        Raises:
            as `place`.
        """
        return await self._change(canceling(txid, cl_ord_id), priority)

    async def amend(
        self,
        *,
        txid: str | None = None,
        cl_ord_id: str | None = None,
        volume: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Decimal | None = None,
        valid_s: int | None = None,
        priority: Priority = Priority.ENTRY,
    ) -> OrderState | Refused:
        """Change volume (base asset), limit or trigger price (quote asset) of an open order; return it as it is then.

        Raises:
            as `place`.
        """
        return await self._change(amending(txid, cl_ord_id, volume, price, valid_s, trigger), priority)

    async def resolve(self, cl_ord_id: str, *, priority: Priority = Priority.ENTRY) -> Verdict | None:
        """Return what became of an order, or None if the journal knows of none. Nothing is sent that changes anything.

        Raises:
            RequestRefused, OutcomeUnknown, StoreUnavailable: it could not be found out.
        """
        intent = await self._journal.find(self._account, cl_ord_id)
        if intent is None:
            return None
        if intent.state is State.SENT:
            return await self._sender.settle(intent, priority)
        if intent.state is not State.EXECUTED:
            return NotExecuted(intent.detail)
        return await self._resolver.look(intent, priority=priority)

    async def recover(self) -> list[Recovered]:
        """Resolve what an earlier run left open, once; `place`, `cancel` and `amend` see to it themselves.

        Returns:
            each such request with its verdict. What was not executed may be placed again if it is still wanted.

        Raises:
            RequestRefused, OutcomeUnknown, StoreUnavailable: not everything could be found out. Call again later.
        """
        if self._recovered is None or _has_failed(self._recovered):
            self._recovered = asyncio.create_task(self._recover())
        return await asyncio.shield(self._recovered)

    async def close(self) -> None:
        """Give up a recovery that is under way. Journal and client are the caller's to close."""
        if self._recovered is not None:
            self._recovered.cancel()
            await asyncio.wait((self._recovered,))

    async def _recover(self) -> list[Recovered]:
        intents = await self._journal.open_intents(self._account)
        mine = [intent for intent in intents if not intent.holder.startswith(self._holder)]
        verdicts = await asyncio.gather(*(self._sender.settle(intent, Priority.EXIT) for intent in mine))
        found = [Recovered(intent, verdict) for intent, verdict in zip(mine, verdicts, strict=True)]
        for one in found:
            ending = f"executed, {one.verdict.state.txid}" if isinstance(one.verdict, Executed) else "not executed"
            log.warning("%s: an earlier run left %s open: %s", self._account, one.intent.name, ending)
        return found

    async def _change(self, request: Request, priority: Priority) -> OrderState | Refused:
        await self.recover()
        return await self._sender.change(request, priority)


def _named(order: Order) -> Order:
    return order if order.cl_ord_id else replace(order, cl_ord_id=f"k{secrets.token_hex(8)}")


def _has_failed(task: asyncio.Task[list[Recovered]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
