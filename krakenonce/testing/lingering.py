"""What a store promises that may leave a key with a busy process for a while; the others pass these by."""

from __future__ import annotations

from typing import cast

from krakenonce.stores.base import Grant, LingeringStore
from krakenonce.testing.stage import KEY, Stage
from krakenonce.testing.waiting import Waiting, take


class Lingering(Stage):
    """`LingeringStore`. One without its methods is asked to release instead, as a lane does it."""

    def test_who_follows_gets_higher_numbers(self) -> None:
        grant = take(self.store, KEY)
        self._linger(grant)
        assert take(self.store, KEY).low > grant.low

    def test_after_who_follows_the_next_in_line_is_served(self) -> None:
        grant = take(self.store, KEY)
        waiting = Waiting(self.second, KEY)
        self._linger(grant)
        following = self.store.acquire(KEY, 0)
        if following is not None:
            self.store.release(following, following.low)
        assert waiting.grant().low > (grant if following is None else following).low

    def test_if_nobody_follows_the_next_in_line_is_served(self) -> None:
        grant = take(self.store, KEY)
        waiting = Waiting(self.second, KEY)
        self._linger(grant)
        self._forgo()
        assert waiting.grant().low > grant.low

    def _linger(self, grant: Grant) -> None:
        if hasattr(self.store, "linger"):
            cast("LingeringStore", self.store).linger(grant, grant.low)
        else:
            self.store.release(grant, grant.low)

    def _forgo(self) -> None:
        if hasattr(self.store, "forgo"):
            cast("LingeringStore", self.store).forgo(KEY)
