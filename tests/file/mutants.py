"""File stores that are broken on purpose, each in one thing that a guarantee rests on. More in `krakenonce.proof`."""

import os

from krakenonce.stores.file import FileStore
from krakenonce.stores.file.hostnumbers import HostNumbers
from krakenonce.stores.file.layout import GENERATION, LAST, NUMBER, READY, slot_at
from krakenonce.stores.file.ledger import Ledger
from krakenonce.stores.file.locks import PRESENCE
from krakenonce.stores.file.seat import Seat
from krakenonce.stores.file.turnstile import TicketTurnstile


class UnlockedNumbers(HostNumbers):
    """Reads, computes and writes without a lock."""

    def next(self):
        words = self.ledger.image.words
        number = max(self.ledger.clock.now(), words[NUMBER] + 1)
        os.sched_yield()
        words[NUMBER] = number
        return number


class UnlockedStore(FileStore):
    """G1: threads share numbers."""

    numbers_class = UnlockedNumbers


class BelievingLedger(Ledger):
    """Follows the wall clock wherever it goes."""

    def __init__(self, image, locks, clock, directory):
        super().__init__(image, locks, clock, directory)
        clock._judge = lambda wall, boot, expected: wall


class BelievingStore(FileStore):
    """G3: a clock ten years ahead poisons the key."""

    ledger_class = BelievingLedger


class SharingStore(FileStore):
    """G4: a forked child goes on with its parent's locks."""

    def after_fork_in_child(self):
        self._locks.try_share(PRESENCE)
        self._settle()


class ForgetfulLedger(Ledger):
    """Writes down what may have been used at the end of a turn, not before it begins."""

    def stamp(self, slot, floor):
        last = self.image.words[slot + LAST]
        span = super().stamp(slot, floor)
        self.image.words[slot + LAST] = last
        return None if span is None else (span[0], max(span[1], span[0] + 10**15))


class ForgetfulStore(FileStore):
    """G5: a killed process's numbers are issued again."""

    ledger_class = ForgetfulLedger


class AnxiousLedger(Ledger):
    """Asks the disk for every grant."""

    _is_covered = False

    def cover(self, slot, floor):
        super().cover(slot, floor)
        self._is_covered = True

    def stamp(self, slot, floor):
        if not self._is_covered:
            self.image.words[READY] = 0
        self._is_covered = False
        return super().stamp(slot, floor)


class AnxiousStore(FileStore):
    """G7: the disk syncs without end."""

    ledger_class = AnxiousLedger


class ForgetfulSeat(Seat):
    """G17: whoever leaves with a grant that has already arrived keeps it."""

    def withdraw(self, pending):
        if pending.grant is None:
            super().withdraw(pending)


class HastySeat(Seat):
    """G17: whoever leaves the line opens the way for the next, though somebody of the process still has the key."""

    def withdraw(self, pending):
        super().withdraw(pending)
        self._desk.turnstile.forsake(self._index)


class DeafSeat(Seat):
    """G17: who waits in the same process is forgotten when a turn ends."""

    def _move_on(self):
        with self._mutex:
            self._taken = False


class SleepySeat(Seat):
    """G17: an interrupted sleeper keeps its place in the queue."""

    def forsake(self, place):
        if place.grant is not None:
            super().forsake(place)


class TrustingTurnstile(TicketTurnstile):
    """G17: when the one before is gone, all before it are taken to be gone."""

    def wait(self, index, ticket):
        self._image.words[slot_at(index) + GENERATION] = ticket or 0
        return super().wait(index, ticket)


class KeepingTurnstile(TicketTurnstile):
    """G17: a turn that ends does not give its ticket back."""

    def leave(self, index, ticket):
        """Nothing is unlocked."""
