"""The numbers of one key: each above every earlier one, inside the grant, and an alarm when they run ahead."""

from __future__ import annotations

import logging

from krakenonce.clock import Clock
from krakenonce.errors import NonceOutOfRange, StoreUnavailable
from krakenonce.nonce import MAX_FORWARD_STEP, MAX_NONCE
from krakenonce.stores.base import Grant, NumberSource, Store

log = logging.getLogger("krakenonce")


class Numbering:
    """Issues the nonces of one key. For the holder of its lane only, so it needs no lock.

    Attributes:
        last: the last nonce, 0 before the first. Only ever rises.
        issued: how many there were.
    """

    __slots__ = ("_alarmed", "_clock", "_key", "_source", "_store", "issued", "last")

    def __init__(self, key: str, store: Store, source: NumberSource, clock: Clock) -> None:
        self._key, self._store, self._source, self._clock = key, store, source, clock
        self.last = self.issued = 0
        self._alarmed = False

    def raise_floor(self, floor: int) -> None:
        """Issue nothing below *floor* from now on."""
        self.last = max(self.last, floor - 1)

    def issue(self, grant: Grant, lowest: int) -> tuple[int, Grant]:
        """Return the next nonce, at least *lowest*, and the grant it lies in.

        Raises:
            GrantEnded: nothing may be sent under the grant any more.
            NonceOutOfRange, StoreUnavailable: there is no such number, or the store does not grant it.
        """
        now = self._source.next()
        if grant.until_boot_ns is not None:
            boot = self._clock.boot_ns()
            if boot > grant.until_boot_ns:
                grant = self._store.renew(grant, self.last)
            # Numbers that follow the store's clock stay inside the grant, however wrong this host's wall clock is.
            now = now if grant.offset is None else boot + grant.offset
        nonce = max(now, grant.low, self.last + 1, lowest)
        if nonce >= grant.high:
            grant = self._renewed(nonce, grant)
        self.last = nonce
        self.issued += 1
        self._raise_alarm(nonce)
        return nonce, grant

    def confirm(self, grant: Grant) -> Grant:
        """Return *grant*, as long as it lasts now: the number issued last may still be sent.

        Raises:
            GrantEnded: it may not.
        """
        ends = grant.until_boot_ns
        return self._store.renew(grant, self.last) if ends is not None and self._clock.boot_ns() > ends else grant

    def _renewed(self, nonce: int, grant: Grant) -> Grant:
        if nonce > MAX_NONCE:
            raise NonceOutOfRange("the next nonce of this key would exceed 2**63 - 1; make a new API key")
        renewed = self._store.renew(grant, self.last)
        if not renewed.low <= nonce < renewed.high:
            raise StoreUnavailable("the store granted no numbers as high as the next nonce; nothing was sent")
        return renewed

    def _raise_alarm(self, nonce: int) -> None:
        ahead = nonce - self._clock.wall_ns()
        if ahead > MAX_FORWARD_STEP and not self._alarmed:
            log.warning("nonces of key %s run %d s ahead of the clock", self._key, ahead // 1_000_000_000)
        self._alarmed = ahead > MAX_FORWARD_STEP
