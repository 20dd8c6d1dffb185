"""One opinion about the wall clock for all processes of a host."""

from __future__ import annotations

import logging

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, Clock
from krakenonce.errors import NonceOutOfRange
from krakenonce.nonce import EARLIEST, MAX_FORWARD_STEP, MAX_NONCE, ClockStatus, unbelievable_lead
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import OFFSET, STEPS

log = logging.getLogger("krakenonce")


class HostClock:
    """The wall clock as the host believes it. Safe from any thread and process.

    A forward step of more than 60 s against the boot clock is not followed: a nonce taken from it would poison the key
    for good. Other than a process's own judgement this one also protects a process that is started after the step.
    """

    def __init__(self, clock: Clock, image: Image) -> None:
        self._clock, self._image = clock, image
        self._held = False

    def now(self) -> int:
        """Return nanoseconds since 1970: the wall clock, unless it shows what can't be."""
        wall, boot = self._clock.wall_ns(), self._clock.boot_ns()
        expected = self._image.words[OFFSET] + boot
        # Less than a millisecond apart is the usual case; writing the word at each reading would be waste.
        if -NS_PER_MS < wall - expected < NS_PER_MS:
            return max(wall, EARLIEST)
        return max(self._judge(wall, boot, expected), EARLIEST)

    def boot(self) -> int:
        """Return nanoseconds on the clock that nobody can set."""
        return self._clock.boot_ns()

    def wall(self) -> int:
        """Return what the wall clock shows, believed or not."""
        return self._clock.wall_ns()

    def status(self, last: int) -> ClockStatus:
        """Return the opinion, and how far *last* runs ahead of the wall clock."""
        wall, boot = self._clock.wall_ns(), self._clock.boot_ns()
        ahead = unbelievable_lead(wall, self._image.words[OFFSET] + boot)
        return ClockStatus(ahead > 0, self._image.words[STEPS], ahead, max(0, last - wall))

    def confirm(self) -> None:
        """Believe the wall clock as it stands, for all processes of the host."""
        self._image.words[OFFSET] = max(0, self._clock.wall_ns() - self._clock.boot_ns())
        self._held = False

    def _judge(self, wall: int, boot: int, expected: int) -> int:
        if wall > MAX_NONCE:
            raise NonceOutOfRange("the wall clock lies beyond 2262, where nonces end; set it right")
        lead = unbelievable_lead(wall, expected)
        if lead:
            self._report(lead)
            return expected
        self._held = False
        # A clock that stepped back is not followed either: the correction then lands where the line still is.
        if wall >= expected - MAX_FORWARD_STEP:
            self._image.words[OFFSET] = max(0, wall - boot)
        return wall

    def _report(self, lead: int) -> None:
        if not self._held:
            self._held = True
            self._image.words[STEPS] += 1
            log.warning(
                "the wall clock stepped forward by %d s against the boot clock: not followed on this host until it "
                "comes back or confirm_clock() is called",
                lead // NS_PER_SECOND,
            )
