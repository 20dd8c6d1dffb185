"""For those who write stores of their own: the suite that every store of krakenonce passes."""

from krakenonce.testing.stage import CoarseClock
from krakenonce.testing.stores import StoreConformance
from krakenonce.testing.waiting import Waiting

__all__ = ["CoarseClock", "StoreConformance", "Waiting"]
