"""What is remembered of a key, for everybody who is granted it."""

from __future__ import annotations

from krakenonce.testing.stage import KEY, NOW, OTHER, Stage
from krakenonce.testing.waiting import take


class Remembering(Stage):
    """Events, in order, the last of them at least."""

    def test_what_is_remembered_of_a_key_is_found_again_in_order(self) -> None:
        for number in range(5):
            store = (self.store, self.second)[number % 2]
            grant = take(store, KEY)
            store.remember(KEY, f"event {number}")
            store.release(grant, grant.low)
        released = take(self.store, KEY)
        self.store.release(released, released.low)
        again = take(self.second, KEY)
        found = self.second.remembered(KEY)
        assert found[-1] == ("event 4" if self.second is self.store or len(found) == 5 else "event 3")
        assert list(found) == sorted(found)
        assert self.second.remembered(KEY) is found, "nothing new: the very same object"
        assert self.second.remembered(OTHER) == ()
        self.second.release(again, again.low)

    def test_at_least_the_last_thirty_two_events_are_kept(self) -> None:
        grant = take(self.store, KEY)
        for number in range(1000):
            self.store.remember(KEY, f"event {number:04}")
        self.store.release(grant, grant.low)
        found = self.store.remembered(KEY)
        assert found[-32:] == tuple(f"event {number:04}" for number in range(968, 1000))
        assert len(found) < 1000

    def test_events_are_kept_in_order_for_everybody(self) -> None:
        grant = take(self.store, KEY)
        assert self.store.remembered(KEY) == ()
        for number in range(40):
            self.store.remember(KEY, f"event {number}")
        self.store.release(grant, NOW)
        take(self.second, KEY)
        kept = self.second.remembered(KEY)
        assert kept[-32:] == tuple(f"event {number}" for number in range(8, 40))
        assert self.second.remembered(KEY) is kept
        assert self.second.remembered(OTHER) == ()
