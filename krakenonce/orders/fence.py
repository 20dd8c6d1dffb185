"""How a request whose answer was lost is made sure to be dead, if it is not executed by now.

Kraken refuses every nonce that is not above the highest it has accepted for the key. So once a later request is
accepted, an older one can't execute any more: the later one is a *barrier*. With a nonce window of W ticks
(https://support.kraken.com/hc/en-us/articles/360001148023) an older request is dead only when a nonce of more than its
own plus W was accepted, so the barrier jumps that far; numbers need not be gapless.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from krakenonce.client import KrakenClient
from krakenonce.clock import NS_PER_SECOND
from krakenonce.errors import OutcomeUnknown, StoreUnavailable
from krakenonce.lanes import Priority
from krakenonce.orders.inquiry import Inquiry
from krakenonce.orders.intents import Intent
from krakenonce.orders.parsing import nonce_window

Sleep = Callable[[float], Awaitable[None]]

LONGEST_JUMP = 3600 * NS_PER_SECOND
"""A window of more than an hour's nanoseconds is not jumped: the key's nonces would run ahead of the clock for good."""

LATE_NS = NS_PER_SECOND
"""How long after its deadline a request may still be under way inside the exchange, and how wrong our idea of its clock
may be."""

_WAIT_S = 1.0


@dataclass(slots=True)
class _LastNonce:
    """The nonce of the last request that was announced."""

    nonce: int = 0

    async def note(self, nonce: int) -> None:
        self.nonce = nonce


class Fence:
    """Makes one account's lost requests dead. Any number of tasks at the same time.

    Parameters:
        client, inquiry: of the account.
        now_ns: the exchange's clock, as far as we know.
        sleep: how to wait, in seconds.
    """

    def __init__(self, client: KrakenClient, inquiry: Inquiry, now_ns: Callable[[], int], sleep: Sleep) -> None:
        self._client, self._inquiry, self._now_ns, self._sleep = client, inquiry, now_ns, sleep

    async def raise_behind(self, intent: Intent, *, priority: Priority) -> None:
        """Return when the request of *intent* has either executed or never will.

        If its key is not ours (it was exchanged for another since) or the key's window is too wide, its deadline is
        waited for instead.

        Raises:
            RequestRefused, OutcomeUnknown: no barrier was accepted, so nothing is known yet.
        """
        if intent.key != self._client.credentials.fingerprint:
            await self._wait_for_deadline(intent, "it was signed with another key than the account has now")
            return
        reached, window = await self._barrier(intent.nonce, priority)
        if reached > intent.nonce + window:
            return
        if window > LONGEST_JUMP:
            await self._wait_for_deadline(intent, f"the key's nonce window of {window} is too wide for a barrier")
            return
        reached, window = await self._barrier(intent.nonce + window, priority)
        if reached <= intent.nonce + window:
            raise OutcomeUnknown("the key's nonce window was widened meanwhile: set it to 0")

    async def _barrier(self, above: int, priority: Priority) -> tuple[int, int]:
        """Have a request accepted that changes nothing; return its nonce and the key's window."""
        last = _LastNonce()
        for _ in range(1 + LONGEST_JUMP // NS_PER_SECOND):
            try:
                outcome = await self._client.call("GetApiKeyInfo", priority=priority, above=above, announce=last.note)
            except StoreUnavailable:
                # Numbers that lie this far ahead are not granted to us. They will be, when the clock has come so far.
                if self._now_ns() > above:
                    raise
                await self._sleep(_WAIT_S)
                continue
            return last.nonce, self._inquiry.read("GetApiKeyInfo", nonce_window, outcome)
        raise OutcomeUnknown("no nonce beyond the key's window was to be had: set the window to 0")

    async def _wait_for_deadline(self, intent: Intent, reason: str) -> None:
        if not intent.deadline_ns:
            raise OutcomeUnknown(f"{intent.name}: its fate can't be made sure of: {reason}, and it had no deadline")
        left_ns = intent.deadline_ns + LATE_NS - self._now_ns()
        if left_ns > 0:
            await self._sleep(left_ns / NS_PER_SECOND)
