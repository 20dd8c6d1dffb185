"""The queue of a key across the processes of a host. Two ways: by tickets, or (lesser) by plain locks."""

from __future__ import annotations

from typing import Protocol

from krakenonce.stores.file.image import Image
from krakenonce.stores.file.layout import GENERATION, NEXT, slot_at
from krakenonce.stores.file.locks import KEY_RANGE, HostLocks


class Turnstile(Protocol):
    """Exclusive turns of a key. One caller per process and key at a time; `leave` before the next.

    Whoever has the turn finds the word GENERATION risen.
    """

    def try_enter(self, index: int) -> int | None:
        """Take the turn at once and return its ticket, or None if another process has it or waits for it."""
        ...

    def line_up(self, index: int) -> int | None:
        """Take a place without waiting and return its ticket; None if somebody is just taking one."""
        ...

    def wait(self, index: int, ticket: int | None) -> int:
        """Sleep in the kernel until the turn is there; returns its ticket."""
        ...

    def forsake(self, index: int) -> None:
        """Give back whatever this process has of the key: a turn, a place, or half of one after an exception."""
        ...

    def leave(self, index: int, ticket: int) -> None:
        """Give the turn, or the place, back."""
        ...


class TicketTurnstile:
    """First come, first served: a ticket is a byte locked alone; the turn is there when all bytes below are free.

    The word NEXT says which ticket comes next. Only who has that byte locked moves it on, so the byte is its own lock,
    and a process that dies anywhere in here leaves nothing that the kernel does not clear away.
    """

    _TRIES = 64

    def __init__(self, image: Image, locks: HostLocks) -> None:
        self._image, self._locks = image, locks

    def try_enter(self, index: int) -> int | None:
        word, base = slot_at(index) + NEXT, (index + 1) * KEY_RANGE
        for _ in range(self._TRIES):
            ticket = self._image.words[word] % KEY_RANGE
            # One step for two questions: is the ticket free, and is nobody before it?
            if not self._locks.try_lock(base, ticket + 1):
                return None
            if self._advance(word, ticket):
                return self._begin(index, ticket)
            self._locks.unlock(base, ticket + 1)
        return None

    def line_up(self, index: int) -> int | None:
        word, base = slot_at(index) + NEXT, (index + 1) * KEY_RANGE
        for _ in range(self._TRIES):
            ticket = self._image.words[word] % KEY_RANGE
            if self._locks.try_lock(base + ticket):
                if self._advance(word, ticket):
                    return ticket
                self._locks.unlock(base + ticket)
        return None

    def wait(self, index: int, ticket: int | None) -> int:
        base = (index + 1) * KEY_RANGE
        place = self._line_up_for_sure(index) if ticket is None else ticket
        if place:
            # The one before us first: so each turn that ends wakes one waiter and not all of them.
            self._locks.share(base + place - 1)
            # Unless it had its turn, it has given up or died, maybe while others before it are still there.
            if self._image.words[slot_at(index) + GENERATION] != place:
                self._locks.share(base, place)
        return self._begin(index, place)

    def leave(self, index: int, ticket: int) -> None:
        self._locks.unlock((index + 1) * KEY_RANGE, ticket + 1)

    def forsake(self, index: int) -> None:
        self._locks.unlock((index + 1) * KEY_RANGE, KEY_RANGE)

    def _begin(self, index: int, ticket: int) -> int:
        self._image.words[slot_at(index) + GENERATION] = ticket + 1
        return ticket

    def _line_up_for_sure(self, index: int) -> int:
        word, base = slot_at(index) + NEXT, (index + 1) * KEY_RANGE
        while True:
            ticket = self._image.words[word] % KEY_RANGE
            self._locks.lock(base + ticket)
            if self._advance(word, ticket):
                return ticket
            self._locks.unlock(base + ticket)

    def _advance(self, word: int, ticket: int) -> bool:
        if self._image.words[word] % KEY_RANGE != ticket:
            return False
        self._image.words[word] = (ticket + 1) % KEY_RANGE
        return True


class PlainTurnstile:
    """Exclusive turns without an order: for systems that have no locks on ranges of an open file."""

    def __init__(self, image: Image, locks: HostLocks) -> None:
        self._image, self._locks = image, locks

    def try_enter(self, index: int) -> int | None:
        return self._begin(index) if self._locks.try_lock((index + 1) * KEY_RANGE) else None

    def line_up(self, index: int) -> int | None:
        return None

    def wait(self, index: int, ticket: int | None) -> int:
        self._locks.lock((index + 1) * KEY_RANGE)
        return self._begin(index)

    def leave(self, index: int, ticket: int) -> None:
        self.forsake(index)

    def forsake(self, index: int) -> None:
        self._locks.unlock((index + 1) * KEY_RANGE)

    def _begin(self, index: int) -> int:
        self._image.words[slot_at(index) + GENERATION] += 1
        return 0
