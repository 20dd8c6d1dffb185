"""Kraken's dead man's switch, kept from firing while we live: https://docs.kraken.com/api/docs/websocket-v2/cancel_after."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from krakenonce.client.budget import Sleep
from krakenonce.clock import NS_PER_SECOND, parse_rfc3339
from krakenonce.kraken.replies import Accepted, Outcome

log = logging.getLogger("krakenonce")

Tell = Callable[[int], Awaitable[Outcome]]
Note = Callable[[int | None], None]

MOST_FIRED = 32


def _forget(_due_ns: int | None) -> None:
    """Note nothing."""


@dataclass(frozen=True, slots=True)
class CancelAfter:
    """If nothing is heard of us for *timeout_s* seconds, Kraken cancels ALL open orders of the account.

    All of them: also those that a person or another program has placed. So it is off unless somebody asks for it.

    Parameters:
        timeout_s: seconds until it fires, 10 to 86,400; every_s: how often it is wound up again.
        due_ns: until when an earlier run had wound it up, by the exchange's clock in ns; None if none has, or nobody
            knows.
        note: told each time until when it is wound up now, None once it is disarmed: for the next run. Must not block.
    """

    timeout_s: int = 60
    every_s: float = 20.0
    due_ns: int | None = None
    note: Note = _forget


class Winder:
    """Winds one account's switch up again and again.

    Parameters:
        name: the account's name, for the log.
        tell: tells the exchange a timeout in seconds; 0 disarms.
        sleep: how to wait, in seconds.
    """

    def __init__(self, name: str, switch: CancelAfter, tell: Tell, sleep: Sleep) -> None:
        self._name, self._switch, self._tell, self._sleep = name, switch, tell, sleep
        self.is_armed = self._may_fire = False
        self._due_ns = switch.due_ns
        self._fired: deque[tuple[int, int]] = deque(maxlen=MOST_FIRED)

    def had_fired(self, moment_ns: int) -> bool:
        """Return whether at *moment_ns*, by the exchange's clock, it had fired and was not wound up again yet.

        By the exchange's own words: each time it is wound up, it says until when.
        """
        is_over = self._due_ns is not None and moment_ns >= self._due_ns
        return is_over or any(first_ns <= moment_ns <= last_ns for first_ns, last_ns in self._fired)

    async def run(self) -> None:
        """Keep it from firing until cancelled."""
        while True:
            self._may_fire = True
            outcome = await self._tell(self._switch.timeout_s)
            worked = isinstance(outcome, Accepted)
            if isinstance(outcome, Accepted):
                self._wound(outcome.result)
            if worked is not self.is_armed:
                text = "%s: cancel-after is armed" if worked else "%s: cancel-after could not be renewed; it may fire"
                log.log(logging.INFO if worked else logging.WARNING, text, self._name)
            self.is_armed = worked
            await self._sleep(self._switch.every_s if worked else min(1.0, self._switch.every_s))

    async def disarm(self) -> None:
        """Keep it from firing for good, if it may. Call it when `run` has ended, else that winds it up once more."""
        if self._may_fire:
            self.is_armed = self._may_fire = False
            if isinstance(await self._tell(0), Accepted):
                self._due_ns = None
                self._switch.note(None)

    def _wound(self, told: Any) -> None:
        now_ns, due_ns = _moment(told, "currentTime"), self._due_ns
        if now_ns is not None and due_ns is not None and now_ns >= due_ns:
            # It tells its clock in whole seconds.
            self._fired.append((due_ns, now_ns + NS_PER_SECOND))
        self._due_ns = _moment(told, "triggerTime")
        if self._due_ns is not None:
            self._switch.note(self._due_ns)


def _moment(told: Any, name: str) -> int | None:
    try:
        return parse_rfc3339(told[name])
    except (LookupError, TypeError, ValueError):
        return None
