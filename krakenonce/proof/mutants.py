"""Broken on purpose: each leaves out one thing that the promise rests on, and must be caught."""

from __future__ import annotations

from krakenonce.clock import Clock
from krakenonce.stores import Store, open_store
from krakenonce.stores.file import FileStore
from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import GENERATION, KEY_READY, LAST, READY, slot_at
from krakenonce.stores.file.ledger import SPAN, Ledger
from krakenonce.stores.file.turnstile import Turnstile


class OpenTurnstile:
    """Lets everybody in at once."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def try_enter(self, index: int) -> int | None:
        return self.wait(index, 0)

    def line_up(self, index: int) -> int | None:
        return 0

    def wait(self, index: int, ticket: int | None) -> int:
        self._image.words[slot_at(index) + GENERATION] += 1
        return 0

    def forsake(self, index: int) -> None:
        """Nothing was taken."""

    def leave(self, index: int, ticket: int) -> None:
        """Nobody was kept out."""


class LocklessStore(FileStore):
    """Processes do not exclude each other."""

    def _make_turnstile(self) -> Turnstile:
        return OpenTurnstile(self._image)


class FloorlessLedger(Ledger):
    """Believes the clock instead of what was used."""

    def stamp(self, slot: int, floor: int) -> tuple[int, int] | None:
        self.image.words[slot + LAST] = 0
        return super().stamp(slot, 0)


class FloorlessStore(FileStore):
    """Floors of other processes are forgotten."""

    ledger_class = FloorlessLedger


class LateLedger(Ledger):
    """Uses numbers before the disk knows the mark above them."""

    def stamp(self, slot: int, floor: int) -> tuple[int, int] | None:
        words = self.image.words
        low = max(words[slot + LAST] + 1, floor)
        start = max(low, self.clock.now())
        words[READY] = max(words[READY], start + 2 * SPAN)
        words[slot + KEY_READY] = max(words[slot + KEY_READY], start + 2 * SPAN)
        return super().stamp(slot, floor)


def open_with(mutant: str | None, url: str, clock: Clock) -> Store:
    """Return the store at *url*, broken as *mutant* says."""
    if mutant == "lock":
        return LocklessStore(url, clock)
    if mutant == "floor":
        return FloorlessStore(url, clock)
    return open_store(url, clock)
