"""Attempts: journal, send, answer, commit; and between two attempts the proof that the former had no effect."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND, rfc3339
from krakenonce.errors import ConfigError, OutcomeUnknown, StoreUnavailable, TryLater
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Meaning, Outcome, Refused, Unknown
from krakenonce.lanes import Priority
from krakenonce.orders.fence import Sleep
from krakenonce.orders.intents import Intent, Kind, State, request_text
from krakenonce.orders.journal import Journal
from krakenonce.orders.parsing import first_txid, parsed
from krakenonce.orders.records import Executed, OrderState, Placement, Verdict
from krakenonce.orders.requests import Request
from krakenonce.orders.resolution import PASSING, Patience, Resolver, may_exist

log = logging.getLogger("krakenonce")

LEAST_VALID_NS = 2 * NS_PER_SECOND
"""Kraken refuses a request whose deadline is less than 2 s ahead (https://docs.kraken.com/api/docs/rest-api/add-order):
one that waited for its turn until then is not sent."""

SHORTEST_DEADLINE_NS = 5 * NS_PER_SECOND // 2
"""What must be left to begin another attempt: the request needs some time to get there."""

_LOST = Refused(("the answer was lost, and the request was not executed",), Meaning(Action.WAIT, no_effect=True))
TOO_LATE = "its time was over before it could be sent"
"""Why an order was not even sent: nothing is wrong with the order itself."""

_TOO_LATE = Refused((TOO_LATE,), Meaning(Action.GIVE_UP, no_effect=True))
_GONE = Refused(("the exchange knows no such order",), Meaning(Action.GIVE_UP, no_effect=True))


class _NotSent(TryLater):
    """Nothing was sent: somebody else has the same request in hand (*taken*), or its time is over."""

    def __init__(self, *, taken: bool) -> None:
        super().__init__("somebody else has it in hand" if taken else "its time is over")
        self.taken = taken


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends one account's requests. Any number of tasks of one event loop at the same time.

    Parameters:
        account, holder: see `Intent`.
        client, journal, resolver: what is sent with, written to and asked.
        patience: how long to try.
        now_ns: the exchange's clock, as far as we know.
        sleep: how to wait, in seconds.
    """

    account: str
    holder: str
    client: KrakenClient
    journal: Journal
    resolver: Resolver
    patience: Patience
    now_ns: Callable[[], int]
    sleep: Sleep
    _attempts: Iterator[int] = field(default_factory=count)

    async def place(self, request: Request, priority: Priority, tries: int = 3) -> Placement | Refused:
        """See `OrderDesk.place`.

        Parameters:
            tries: how often to begin anew because somebody else was found to have the same order in hand.
        """
        known = await self.journal.find(self.account, request.name)
        if known is not None:
            found = await self._known(known, priority)
            if found is not None:
                _check_same(known, request)
                return found
        try:
            return await self._place(request, known.attempt if known is not None else 0, priority)
        except _NotSent as reason:
            if not reason.taken:
                return _TOO_LATE
            if not tries:
                raise
        return await self.place(request, priority, tries - 1)

    async def _place(self, request: Request, attempt: int, priority: Priority) -> Placement | Refused:
        until_ns = self._until(request)
        ending: Placement | Refused = _TOO_LATE
        for turn in range(self.patience.attempts):
            if turn and until_ns < self.now_ns() + SHORTEST_DEADLINE_NS:
                break
            attempt += 1
            ending = await self._attempt(request, self._intent(request, attempt, until_ns), priority)
            if isinstance(ending, Placement) or ending.meaning.action not in PASSING:
                break
            if ending is not _LOST and turn + 1 < self.patience.attempts:
                await self.sleep(self.patience.pause_s * 2**turn)
        return ending

    async def change(self, request: Request, priority: Priority) -> OrderState | Refused:
        """Cancel or amend; see `OrderDesk`."""
        known = await self.journal.find(self.account, request.name)
        if known is not None and known.state is State.SENT:
            await self.settle(known, priority)
        attempt = known.attempt if known is not None else 0
        for turn in range(self.patience.attempts):
            attempt += 1
            intent = self._intent(request, attempt, self._until(request))
            outcome, intent = await self._send(request, intent, priority)
            if isinstance(outcome, Refused) and outcome.meaning.action is not Action.LOOK:
                await self._write(replace(intent, state=State.REFUSED, detail=outcome.error))
                if outcome.meaning.action in PASSING and turn + 1 < self.patience.attempts:
                    await self.sleep(self.patience.pause_s * 2**turn)
                    continue
                return outcome
            verdict = await self.settle(intent, priority, fenced=not isinstance(outcome, Unknown))
            if isinstance(verdict, Executed):
                return verdict.state
            if await self.resolver.state(intent, priority=priority) is None:
                return _GONE
        raise OutcomeUnknown(f"{request.name}: sent {attempt} times, and the order is as it was")

    async def settle(self, intent: Intent, priority: Priority, *, fenced: bool = False) -> Verdict:
        """Find out what became of *intent*, write it into the journal and return it.

        Parameters:
            fenced: True if it was answered, so that it can't be on its way any more.
        """
        find_out = self.resolver.look if fenced else self.resolver.verdict
        verdict = await find_out(intent, priority=priority)
        await self._write(_settled(intent, verdict))
        return verdict

    async def _known(self, known: Intent, priority: Priority) -> Placement | None:
        """Return the order if the journal knows that it exists, after finding out what was left open."""
        if known.state is State.EXECUTED:
            return Placement(known.txid, known.committed, known.attempt, cl_ord_id=known.name, recorded=True)
        if known.state is not State.SENT:
            return None
        verdict = await self.settle(known, priority)
        return _placement(known, verdict) if isinstance(verdict, Executed) else None

    async def _attempt(self, request: Request, intent: Intent, priority: Priority) -> Placement | Refused:
        outcome, intent = await self._send(request, intent, priority)
        if isinstance(outcome, Accepted):
            try:
                txid = parsed(request.method, first_txid, outcome.result)
            except OutcomeUnknown as error:
                outcome = Unknown(str(error))
            else:
                await self._write(replace(intent, state=State.EXECUTED, txid=txid, committed=request.volume))
                return Placement(txid, request.volume, intent.attempt, cl_ord_id=intent.name)
        if may_exist(outcome):
            return await self._looked_up(intent, outcome, priority)
        refusal = outcome if isinstance(outcome, Refused) else _LOST
        await self._write(replace(intent, state=State.REFUSED, detail=refusal.error))
        return refusal

    async def _looked_up(self, intent: Intent, outcome: Outcome, priority: Priority) -> Placement | Refused:
        if isinstance(outcome, Refused):
            # The name is in use: by this order, if a journal was lost; however long ago it was opened.
            verdict = await self.resolver.look(intent, priority=priority, since_ns=0)
            await self._write(_settled(intent, verdict))
        else:
            intent = replace(intent, detail=outcome.cause if isinstance(outcome, Unknown) else "")
            verdict = await self.settle(intent, priority)
        if isinstance(verdict, Executed):
            return _placement(intent, verdict)
        return outcome if isinstance(outcome, Refused) else _LOST

    async def _send(self, request: Request, intent: Intent, priority: Priority) -> tuple[Outcome, Intent]:
        """Journal and send one attempt; return its outcome, and the intent with the nonce it went out with."""
        sent = intent

        async def announce(nonce: int) -> None:
            nonlocal sent
            sent = replace(intent, nonce=nonce, written_ns=self.now_ns())
            if intent.deadline_ns and self.now_ns() + LEAST_VALID_NS > intent.deadline_ns:
                raise _NotSent(taken=False)
            if not await self.journal.claim(sent):
                raise _NotSent(taken=True)

        deadline = {"deadline": rfc3339(intent.deadline_ns)} if intent.deadline_ns else {}
        outcome = await self.client.call(
            request.method, {**request.members, **deadline}, priority=priority, announce=announce
        )
        return outcome, sent

    async def _write(self, intent: Intent) -> None:
        try:
            await self.journal.settle(intent)
        except StoreUnavailable as error:
            # The fate is known here and now; it will only have to be found out again after a restart.
            log.warning("%s: what became of %s could not be written: %s", self.account, intent.name, error)

    def _until(self, request: Request) -> int:
        return self.now_ns() + request.valid_s * NS_PER_SECOND if request.valid_s else 0

    def _intent(self, request: Request, attempt: int, deadline_ns: int) -> Intent:
        key = self.client.credentials.fingerprint
        text = request_text(request.members)
        # A name of its own for every attempt, because two tasks may want the same order at the same time.
        holder = f"{self.holder}.{next(self._attempts)}"
        return Intent(self.account, request.name, request.kind, attempt, holder, key, text, deadline_ns)


def _settled(intent: Intent, verdict: Verdict) -> Intent:
    if isinstance(verdict, Executed):
        state = verdict.state
        return replace(intent, state=State.EXECUTED, txid=state.txid, committed=state.committed)
    return replace(intent, state=State.ABSENT)


def _placement(intent: Intent, verdict: Executed) -> Placement:
    state = verdict.state
    return Placement(
        state.txid, state.committed, intent.attempt, looked_up=True, cl_ord_id=intent.name, fills=verdict.fills
    )


def _check_same(known: Intent, request: Request) -> None:
    if known.kind is Kind.PLACE and known.request != request_text(request.members):
        mend = "Give every order a name of its own: one that was used stays that order's for good."
        raise ConfigError("cl_ord_id", f"{request.name!r}, which names another order in the journal", mend)
