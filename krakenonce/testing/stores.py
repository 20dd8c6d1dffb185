"""What every store promises, as tests. Make a subclass and say how your store is opened::

    class TestMyStore(StoreConformance):
        def open(self, clock):
            return MyStore("my://place", clock)

Run it with pytest. Overriding `open_again` too, for a second object on the same state, tests what processes share.
"""

from __future__ import annotations

from krakenonce.testing.grants import Grants
from krakenonce.testing.lingering import Lingering
from krakenonce.testing.queueing import Queueing
from krakenonce.testing.remembering import Remembering


class StoreConformance(Grants, Queueing, Remembering, Lingering):
    """The suite. Every test opens its own store, with a clock that stands still unless the test moves it."""
