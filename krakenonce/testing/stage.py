"""Where a store is tested: two objects on one state, and a clock that stands still unless a test moves it."""

from __future__ import annotations

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.stores.base import Store

KEY, OTHER = "00000000000000aa:00000000000000bb", "00000000000000aa:00000000000000cc"
NOW = 1_790_000_000 * NS_PER_SECOND


class CoarseClock(ManualClock):
    """A clock that shows whole seconds only, as some do."""

    def wall_ns(self) -> int:
        return super().wall_ns() // NS_PER_SECOND * NS_PER_SECOND

    def boot_ns(self) -> int:
        return super().boot_ns() // NS_PER_SECOND * NS_PER_SECOND


class Stage:
    """Opens the store under test for each test, and closes it."""

    def open(self, clock: ManualClock) -> Store:
        """Return the store under test, on state that no other test uses."""
        raise NotImplementedError

    def open_again(self, store: Store, clock: ManualClock) -> Store:
        """Return a second object on the state of *store*, as another process would open it."""
        return store

    def make_clock(self) -> ManualClock:
        """Return the clock that the stores are opened with; see `CoarseClock`."""
        return ManualClock(wall_ns=NOW)

    def setup_method(self) -> None:
        """Open the store."""
        self.clock = self.make_clock()
        self.store = self.open(self.clock)
        self.second = self.open_again(self.store, self.clock)

    def teardown_method(self) -> None:
        """Close what was opened. Closing twice is allowed."""
        for store in (self.second, self.store, self.second):
            store.close()
