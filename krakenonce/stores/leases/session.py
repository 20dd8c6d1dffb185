"""The time that a process has on the engine: what it may send until when, and what the engine's clock shows."""

from __future__ import annotations

from krakenonce.stores.leases.engine import Renewal
from krakenonce.stores.leases.settings import NS, LeaseSettings


class Session:
    """One process's standing with the engine. Not locked: the book's lock guards it.

    Attributes:
        epoch: counts how often the leases were lost. A lease of an older epoch is void.
        offset: the engine's clock minus the boot clock, in nanoseconds. Counted from when the answer had not been asked
            for yet, it is too large by a round trip at the most, so a lease seems to end early, never late.
        until_ns: where the session ends, by the engine's clock: no other process begins below it.
        send_until: the moment of the boot clock after which nothing may be sent.
    """

    __slots__ = ("_birth", "_claim", "_sending", "epoch", "offset", "send_until", "until_ns")

    def __init__(self, settings: LeaseSettings) -> None:
        self._sending, self._claim = int(settings.sending * NS), int(settings.claim * NS)
        self._birth: tuple[int, ...] = ()
        self.epoch = 0
        self.offset = 0
        self.until_ns = 0
        self.send_until = -1

    def renewed(self, renewal: Renewal, asked_boot_ns: int) -> None:
        """Take in *renewal*, which was asked for at *asked_boot_ns* of the boot clock."""
        if renewal.birth != self._birth:
            self.epoch += 1
            self._birth = renewal.birth
        self.offset = renewal.now_ns - asked_boot_ns
        self.until_ns = renewal.until_ns
        self.send_until = asked_boot_ns + self._sending

    def engine_ns(self, boot_ns: int) -> int:
        """Return what the engine's clock shows at *boot_ns*, or slightly more."""
        return boot_ns + self.offset

    def pushed_until(self, at_ns: int, boot_ns: int) -> int | None:
        """Return up to when what was pushed *at_ns* may be used unclaimed; None if it did not come at once.

        Nobody passes it on before the time for the claim is over; half of it is left to the request that is sent last.
        By a clock that was set meanwhile, a push seems to come late, or from the future.
        """
        age = self.engine_ns(boot_ns) - at_ns
        if abs(age) > self._claim // 4 or at_ns <= max(self._birth, default=0):
            return None
        return boot_ns - max(age, 0) + self._claim // 2

    def may_send(self, boot_ns: int) -> bool:
        """True if a request that is sent at *boot_ns* will be over when the lease ends."""
        return boot_ns <= self.send_until
