"""What is granted: intervals of numbers that only rise, to one holder at a time."""

from __future__ import annotations

import random

from krakenonce.clock import NS_PER_SECOND
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores.base import Grant
from krakenonce.testing.stage import KEY, NOW, OTHER, Stage
from krakenonce.testing.waiting import take


class Grants(Stage):
    """Floors, intervals, generations."""

    def test_a_grant_is_an_interval_of_numbers(self) -> None:
        grant = take(self.store, KEY)
        assert grant.key == KEY
        assert 0 <= grant.low < grant.high <= MAX_NONCE + 1

    def test_a_grant_covers_the_present(self) -> None:
        grant = take(self.store, KEY)
        assert grant.low <= self._present(grant) + self._gap(grant)
        assert self._present(grant) < grant.high

    def test_a_grant_begins_where_the_last_one_ended(self) -> None:
        grant = take(self.store, KEY)
        for turn in range(4):
            last = grant.low
            self.store.release(grant, last) if turn % 2 == 0 else self.second.release(grant, last)
            grant = take((self.second, self.store)[turn % 2], KEY)
            assert last < grant.low <= max(last + 1, self._present(grant))
            assert self._present(grant) < grant.high

    def test_a_held_key_is_not_granted_again(self) -> None:
        take(self.store, KEY)
        assert self.store.acquire(KEY, 0) is None
        assert self.second.acquire(KEY, 0) is None

    def test_keys_are_independent(self) -> None:
        take(self.store, KEY)
        assert take(self.second, OTHER).key == OTHER

    def test_the_floor_of_the_caller_is_respected(self) -> None:
        assert take(self.store, KEY, NOW + 77).low >= NOW + 77

    def test_a_floor_far_ahead_of_the_clock_is_respected(self) -> None:
        ahead = NOW + 86_400 * NS_PER_SECOND
        grant = take(self.store, KEY, ahead)
        assert grant.low >= ahead
        self.store.release(grant, ahead + 5)
        assert take(self.second, KEY).low > ahead + 5

    def test_what_was_used_is_never_granted_again(self) -> None:
        grant = take(self.store, KEY)
        self.store.release(grant, NOW + 10)
        assert take(self.second, KEY).low > NOW + 10

    def test_a_grant_that_was_not_used_costs_no_numbers_it_needs(self) -> None:
        first = take(self.store, KEY, NOW)
        self.store.release(first, first.low - 1)
        again = take(self.store, KEY, NOW)
        assert again.low >= first.low

    def test_intervals_only_rise_whatever_the_clock_does(self) -> None:
        dice = random.Random(4)
        last = -1
        for turn in range(200):
            store = (self.store, self.second)[turn % 2]
            grant = take(store, KEY)
            assert grant.low > last
            last = max(grant.low, min(self.clock.wall_ns(), grant.high - 1)) + dice.randrange(3)
            last = min(last, grant.high - 1)
            store.release(grant, last)
            self.clock.step(dice.randrange(-30 * NS_PER_SECOND, 30 * NS_PER_SECOND))

    def test_generations_rise(self) -> None:
        generations = []
        for _ in range(5):
            grant = take(self.store, KEY)
            generations.append(grant.generation)
            self.store.release(grant, grant.low)
        assert generations == sorted(set(generations))

    def test_renewing_reaches_further_and_keeps_the_floor(self) -> None:
        grant = take(self.store, KEY)
        until = grant.until_boot_ns
        self.clock.advance(30 * NS_PER_SECOND if until is None else max(0, until - self.clock.boot_ns()))
        renewed = self.store.renew(grant, grant.low)
        last = max(self._present(renewed), renewed.low)
        assert renewed.low >= grant.low
        assert renewed.high > last
        self.store.release(renewed, last)
        assert take(self.second, KEY).low > last

    def test_releasing_twice_frees_nobody_elses_grant(self) -> None:
        grant = take(self.store, KEY)
        self.store.release(grant, NOW)
        take(self.store, KEY)
        self.store.release(grant, NOW)
        assert self.store.acquire(KEY, 0) is None

    def test_the_address_shows_no_password(self) -> None:
        assert "://" in self.store.url
        assert "@" not in self.store.url

    def _present(self, grant: Grant) -> int:
        """Return what the clock shows that numbers follow: the store's own, if it has one, else this host's."""
        return self.clock.wall_ns() if grant.offset is None else self.clock.boot_ns() + grant.offset

    def _gap(self, grant: Grant) -> int:
        """A store with a clock of its own may leave a gap before the first numbers of a key it has never seen."""
        return 0 if grant.offset is None else 60 * NS_PER_SECOND
