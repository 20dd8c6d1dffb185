"""What stands between one key's calls and Kraken's limits: called before the turn, told how each call ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from krakenonce.clock import NS_PER_SECOND, Clock, parse_rfc3339
from krakenonce.kraken.limits import Tier
from krakenonce.kraken.methods import Purpose, purpose_of
from krakenonce.kraken.replies import Accepted, Outcome, Refused
from krakenonce.lanes import Priority
from krakenonce.lanes.waiters import LoopWaiter, ThreadWaiter, Waiter
from krakenonce.rates.account import AccountRates
from krakenonce.rates.allowance import Limits, rest_allowance
from krakenonce.rates.charges import REST, Charge, charges_of, pair_key
from krakenonce.rates.counter import POINT
from krakenonce.rates.holding import NotSent, Reason, not_sent
from krakenonce.rates.markets import Markets
from krakenonce.rates.meter import Meter, Pause, TooLong, Wish
from krakenonce.rates.permits import Permit
from krakenonce.rates.waiting import drive, drive_async

Params = Mapping[str, Any]
Steps = Generator[Pause, None, Permit | NotSent]

_THROTTLED = re.compile(r"EService: ?Throttled: ?(\d{1,12})")
_BUSY = ("EGeneral:Too many requests", "EAuth:Rate limit exceeded", "EAuth:Too many requests")
_REST_FULL = "EAPI:Rate limit exceeded"
LEAST_VALID_S = 3.0
"""Kraken takes no deadline less than 2 s ahead (https://docs.kraken.com/api/docs/rest-api/add-order)."""
_LONGEST_PAUSE_NS = 60 * NS_PER_SECOND
_NOTHING: Params = {}
_moment = lru_cache(maxsize=64)(parse_rfc3339)  # many orders of one moment have the same deadline


class KeyRates:
    """The limits of one API key. Safe across threads and event loops.

    `enter` and `enter_blocking` return a permit once there is room for the call, or the reason why it is not sent.
    Waiting happens here, before the call's turn, so that nobody who may go waits behind somebody who may not.

    Parameters:
        tier: the tier whose limits count, or None: then only what the exchange itself reports closes the way.
        limits: how much of them may be used, and how long a call may wait.
        account: the account's engine counters; markets: what the exchange takes now.
        clock: its boot time counts the waits, its wall time the deadlines.
    """

    def __init__(
        self, tier: Tier | None, limits: Limits, account: AccountRates, markets: Markets, clock: Clock
    ) -> None:
        self.tier, self.limits = tier, limits
        self.account, self.markets, self.clock = account, markets, clock
        self._rest = Meter(rest_allowance(tier, limits.share), clock)
        self._opens_ns = 0
        self._busy_ns = 0

    async def enter(self, method: str, params: Params | None, priority: Priority) -> Permit | NotSent:
        """Wait until the call may be made, on the running loop."""
        return await drive_async(self.steps(method, params, priority, LoopWaiter))

    def enter_blocking(self, method: str, params: Params | None, priority: Priority) -> Permit | NotSent:
        """Wait until the call may be made, blocking this thread."""
        return drive(self.steps(method, params, priority, ThreadWaiter))

    def enter_at_once(self, method: str, params: Params | None, priority: Priority) -> Permit | NotSent | None:
        """Return a permit if there is room now, why the call is not to be sent, or None if it would have to wait."""
        now, given = self.clock.boot_ns(), params or _NOTHING
        closed = self._closed(method, given, now)
        if closed is not None:
            return closed
        charges = charges_of(method, given, self.account.orders, now)
        counter, cost, must_fit = charges[0]
        if not self._meter(counter).take(cost, priority, now, self._opens_ns, must_fit=must_fit):
            return None
        return self._permit(method, given, charges)

    def steps(self, method: str, params: Params | None, priority: Priority, make: Callable[[], Waiter]) -> Steps:
        """Decide about one call; yields what has to be waited for."""
        at_once = self.enter_at_once(method, params, priority)
        if at_once is not None:
            return at_once
        given = params or _NOTHING
        charges = charges_of(method, given, self.account.orders, self.clock.boot_ns())
        first = charges[0]
        wish = Wish(first.cost, priority, self._until(given), self._opening, must_fit=first.must_fit)
        try:
            yield from self._meter(first.counter).wait(wish, make)
        except TooLong as too_long:
            return self._refused(first, too_long.wait_ns)
        return self._permit(method, given, charges)

    def settle(self, permit: Permit, outcome: Outcome | None) -> None:
        """Take in how a permitted call ended; None for one that was sent and of which nothing is known."""
        for counted in permit.counted:
            self.account.settle(counted)
        if permit.rest_cost:
            self._rest.settle(permit.rest_cost)
        if outcome is not None:
            now = self.clock.boot_ns()
            self.markets.learn(permit.method, permit.params, outcome, now)
            permit.learn(self.account, outcome, now)
            if isinstance(outcome, Refused):
                self._heed(permit, outcome, now)
            else:
                self._busy_ns = 0

    def forget(self, *names: str) -> None:
        """Note that the order with these names has ended."""
        for name in names:
            self.account.orders.forget(name)

    def give_back(self, permit: Permit) -> None:
        """Take back a permit whose call was not sent."""
        for counted in permit.counted:
            for meter in counted.meters:
                meter.give_back(counted.charge.cost)
        if permit.rest_cost:
            self._rest.give_back(permit.rest_cost)

    def count(self, permit: Permit | None) -> None:
        """A request goes out now: with a permit, or, without one, a read that could not wait for any."""
        if permit is not None:
            permit.sent()
        else:
            self._rest.put(POINT)
            self._rest.settle(POINT)

    def tell(self, outcome: Outcome) -> None:
        """Take in the answer to SystemStatus."""
        result = outcome.result if isinstance(outcome, Accepted) else None
        if isinstance(result, Mapping):
            self.markets.tell(result.get("status"), self.clock.boot_ns())

    def count_again(self, permit: Permit) -> None:
        """Count a second request of the same turn."""
        if permit.rest_cost:
            self._rest.put(permit.rest_cost)
            self._rest.settle(permit.rest_cost)
        for counted in permit.counted:
            self.account.settle(self.account.count(counted.charge, first=False))

    @property
    def waiting(self) -> int:
        """How many reads wait for their counter."""
        return self._rest.waiting

    def after_fork_in_child(self) -> None:
        """Renew the lock."""
        self._rest.after_fork_in_child()

    def _closed(self, method: str, params: Params, now: int) -> NotSent | None:
        closed = self.markets.forbids(method, params, now)
        if closed is not None:
            reason = Reason.OFFLINE if closed.reason == "unavailable" else Reason.MARKET
            return not_sent(reason, f"{params.get('pair') or method}: {closed.reason}", closed.for_ns)
        if not self.account.full:
            return None
        if purpose_of(method) is Purpose.ENTRY and params.get("ordertype") != "market" and method != "AmendOrder":
            full = self.account.full.look(pair_key(params.get("pair")), now)
            if full is not None:
                return not_sent(Reason.OPEN_ORDERS, full.reason, full.for_ns)
        return None

    def _permit(self, method: str, params: Params, charges: tuple[Charge, ...]) -> Permit:
        """Return the permit for a call whose first charge is counted already."""
        first = charges[0]
        if first.counter == REST:
            return Permit(self, method, params, (), first.cost)
        counted = [self.account.count(charge, first=charge is first) for charge in charges]
        return Permit(self, method, params, tuple(counted))

    def _meter(self, counter: str) -> Meter:
        return self._rest if counter == REST else self.account.meter(counter)

    def _opening(self) -> int:
        return self._opens_ns

    def _until(self, params: Params) -> int:
        """Return until when a call may wait: its patience, and never so long that its deadline would pass."""
        seconds = self.limits.patience_s
        deadline = params.get("deadline")
        if isinstance(deadline, str):
            with suppress(ValueError):  # the exchange will say what it thinks of a deadline that is none
                seconds = min(seconds, (_moment(deadline) - self.clock.wall_ns()) / NS_PER_SECOND - LEAST_VALID_S)
        return self.clock.boot_ns() + int(max(0.0, seconds) * NS_PER_SECOND)

    def _refused(self, charge: Charge, wait_ns: int | None) -> NotSent:
        if self._opens_ns > self.clock.boot_ns():
            return not_sent(Reason.THROTTLED, "all calls of this key", wait_ns)
        tier = "no limits" if self.tier is None else f"tier {self.tier.name}"
        return not_sent(Reason.RATE, f"{charge.counter}, {tier}", wait_ns)

    def _heed(self, permit: Permit, refused: Refused, now: int) -> None:
        """Take in a refusal for a limit: our bound was too low, so others use the same counters."""
        for error in refused.errors:
            throttled = _THROTTLED.match(error)
            if throttled:
                self._pause_until(int(throttled.group(1)), now)
            elif error.startswith(_BUSY) or (self.tier is None and error.startswith(_REST_FULL)):
                self._busy_ns = min(max(2 * self._busy_ns, NS_PER_SECOND), _LONGEST_PAUSE_NS)
                self._opens_ns = max(self._opens_ns, now + self._busy_ns)
            elif error.startswith("EOrder:Orders limit exceeded"):
                for pair in permit.pairs:
                    self.account.full.close(pair, pair, now)
            elif self.tier is not None:
                self._fill(permit, error)

    def _fill(self, permit: Permit, error: str) -> None:
        if error.startswith(_REST_FULL):
            self._rest.fill()
        elif error.startswith("EOrder:Rate limit exceeded"):
            self.account.fill(permit.pairs)
        elif error.startswith("EOrder:Domain rate limit exceeded"):
            self.account.fill(None)

    def _pause_until(self, unix_s: int, now: int) -> None:
        # The exchange's clock and ours may differ, so what it names is trusted between a second and a minute.
        ahead = unix_s * NS_PER_SECOND - self.clock.wall_ns()
        self._opens_ns = max(self._opens_ns, now + min(max(ahead, NS_PER_SECOND), _LONGEST_PAUSE_NS))
