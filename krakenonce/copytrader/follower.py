"""One user: his queue of fills, his books, his orders. Nothing he does or suffers touches anybody else."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from krakenonce.broker import Fill, Order, Placement
from krakenonce.clock import NS_PER_SECOND, Clock
from krakenonce.copytrader.inbox import Arrival, Inbox
from krakenonce.copytrader.planner import Carried, Due, SizingRules, add, checked_multiplier, plan
from krakenonce.copytrader.receipts import Receipt, ReceiptBook, Verdict
from krakenonce.errors import FixTheInput, KrakenonceError
from krakenonce.kraken.replies import Refused
from krakenonce.lanes import Priority
from krakenonce.orders.fence import Sleep
from krakenonce.orders.resolution import PASSING

log = logging.getLogger("krakenonce")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class Account(Protocol):
    """What a follower needs of his broker."""

    @property
    def name(self) -> str:
        """``USER:<name>``."""

    @property
    def fingerprint(self) -> str:
        """The name by which its API key is known, the same for the same key."""

    async def place(self, order: Order, *, priority: Priority) -> Placement | Refused:
        """Place the order exactly once, or not at all; called again with the same order, find out first.

        Raises if its fate could not be found out.
        """


@dataclass(frozen=True, slots=True)
class CopyPolicy:
    """How a user copies.

    Parameters:
        multiplier: his size in units of the master's.
        valid_s: seconds, 2 to 60, after which the exchange must not accept a copy any more; None for 45.
        insist_s: for how many seconds a copy that is refused for a passing reason (a rate limit, a market that takes
            no orders, no connection) is tried again before it is left to the next fill.
    """

    multiplier: Decimal
    valid_s: int | None = 30
    insist_s: int = 300

    def __post_init__(self) -> None:
        checked_multiplier(self.multiplier)


@dataclass(slots=True)
class Tally:
    """One pair and side: what the master has filled, and what this user has ordered, since the start."""

    filled: Decimal = Decimal(0)
    ordered: Decimal = Decimal(0)


def order_name(account: str, exec_id: str) -> str:
    """Return the ``cl_ord_id`` of the copy that *account* makes of the fill *exec_id* (and of those before it).

    Always the same for the same two: whoever forgets what he sent can look it up.
    """
    number = int.from_bytes(hashlib.sha256(f"{account}\n{exec_id}".encode()).digest())
    return "".join(_ALPHABET[number // 36**place % 36] for place in range(18))


class Follower:
    """Copies the master's fills to one account, one order at a time, in the order of the fills.

    Fills that arrive while an order is on its way are copied together by the next one. An order whose fate is unknown
    is looked up until it is known, and one that is refused for a passing reason is tried again; nothing else is sent
    for this account before.

    Parameters:
        account: the user's broker.
        policy: his sizing.
        rules: lot and minimums of every pair, by key.
        receipts: where each decision is filed.
        clock: where time is read.
        sleep: how to wait, in seconds.
    """

    def __init__(
        self,
        account: Account,
        policy: CopyPolicy,
        rules: Mapping[str, SizingRules],
        receipts: ReceiptBook,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.account, self.policy, self.receipts = account, policy, receipts
        self.tallies: dict[tuple[str, str], Tally] = {}
        self._rules, self._clock, self._sleep = rules, clock, sleep
        self._inbox = Inbox()

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account.name

    def take(self, fill: Fill, received_ns: int) -> None:
        """Accept one fill of the master's. Never waits."""
        self._inbox.put(Arrival(fill, received_ns))

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._copy(await self._inbox.next_run())

    async def idle(self) -> None:
        """Wait until everything that was taken has its receipt."""
        await self._inbox.idle.wait()

    async def _copy(self, run: list[Arrival]) -> None:
        draft = self._receipt(run)
        tally = self.tallies.setdefault(run[0].market, Tally())
        for arrival in run:
            tally.filled = add(tally.filled, arrival.fill.volume)
        rules = self._rules.get(draft.pair)
        if rules is None:
            self._file(draft, Verdict.FAILED, reason=f"the exchange lists no pair {draft.pair}")
            return
        decision = plan(self.policy.multiplier, tally.filled, tally.ordered, run[-1].fill.price, rules)
        if isinstance(decision, Carried):
            self._file(draft, Verdict.CARRIED, carried=decision.volume, reason=decision.reason)
        else:
            await self._order(draft, run[-1].fill, decision, tally)

    async def _order(self, draft: Receipt, fill: Fill, due: Due, tally: Tally) -> None:
        name = order_name(self.name, fill.exec_id)
        order = Order(fill.pair, fill.side, due.volume, cl_ord_id=name, valid_s=self.policy.valid_s)
        now = self._clock.wall_ns()
        draft = replace(draft, cl_ord_id=name, decided_ns=now, sent_ns=now)
        try:
            ending = await self._insist(order, name)
        except FixTheInput as error:
            self._file(draft, Verdict.FAILED, carried=due.volume, reason=str(error))
            return
        except asyncio.CancelledError:
            self._file(draft, Verdict.FAILED, carried=due.volume, reason="stopped before the order's fate was known")
            raise
        draft = replace(draft, acknowledged_ns=self._clock.wall_ns())
        if isinstance(ending, Refused):
            self._file(draft, Verdict.REFUSED, carried=due.volume, reason=f"{ending.error}; carried to the next fill")
            return
        tally.ordered = add(tally.ordered, ending.committed)
        draft = replace(draft, txid=ending.txid, attempts=ending.attempts, volume=ending.committed)
        self._file(draft, Verdict.COPIED, carried=due.volume - ending.committed, reason=_remark(ending))

    async def _insist(self, order: Order, name: str) -> Placement | Refused:
        until_ns = self._clock.boot_ns() + self.policy.insist_s * NS_PER_SECOND
        pause = FIRST_PAUSE_S
        while True:
            ending = await self._place(order, name)
            if isinstance(ending, Placement) or ending.meaning.action not in PASSING:
                return ending
            if self._clock.boot_ns() >= until_ns:
                return ending
            log.warning("%s: order %s waits: %s", self.name, name, ending.error)
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _place(self, order: Order, name: str) -> Placement | Refused:
        priority = Priority.EXIT if order.side == "sell" else Priority.ENTRY
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await self.account.place(order, priority=priority)
            except FixTheInput:
                raise
            except KrakenonceError as error:
                log.warning("%s: the fate of order %s is unknown (%s); finding it out", self.name, name, error)
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _receipt(self, run: list[Arrival]) -> Receipt:
        pair, side = run[0].market
        return Receipt(
            account=self.name,
            pair=pair,
            side=side,
            fills=tuple(arrival.fill.exec_id for arrival in run),
            verdict=Verdict.CARRIED,
            filled_ns=run[0].fill.time_ns,
            received_ns=run[0].received_ns,
            decided_ns=self._clock.wall_ns(),
        )

    def _file(self, draft: Receipt, verdict: Verdict, *, carried: Decimal = Decimal(0), reason: str) -> None:
        self.receipts.add(replace(draft, verdict=verdict, carried=carried, reason=reason))


def _remark(placement: Placement) -> str:
    return "the answer was lost; the order was looked up and found" if placement.looked_up else ""
