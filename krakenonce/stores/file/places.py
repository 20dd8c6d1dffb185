"""A place in the queue of one key of a file store: for a caller who is woken, and for a thread that sleeps itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from krakenonce.errors import StoreUnavailable
from krakenonce.stores.base import Grant


class Line(Protocol):
    """What a place needs of the seat it is at."""

    def withdraw(self, pending: FilePending) -> None:
        """Take *pending* out of the line, or give its grant back if it has one already."""

    def sleep(self, place: FileThreadPlace) -> Grant:
        """Sleep in the kernel until the turn of *place* is there; returns its grant."""

    def forsake(self, place: FileThreadPlace) -> None:
        """Give the turn of *place* back, or its place in the queue."""


class FilePending:
    """A place whose caller is woken: by a thread of the store, which sleeps in its stead."""

    __slots__ = ("_seat", "error", "floor", "grant", "wake")

    def __init__(self, seat: Line, floor: int, wake: Callable[[], None]) -> None:
        self._seat, self.floor, self.wake = seat, floor, wake
        self.grant: Grant | None = None
        self.error: Exception | None = None

    def result(self) -> Grant:
        if self.grant is None:
            raise self.error or StoreUnavailable("the file store was closed while this grant was awaited")
        return self.grant

    def cancel(self) -> None:
        self._seat.withdraw(self)


class FileThreadPlace:
    """A place whose caller sleeps in the kernel by itself, and so gets the turn without a detour.

    Such a sleep ends with the turn, with a signal handler that raises (in the main thread), and in no other way.

    Attributes:
        grant: the store's permission, once it is there.
        ticket: the place in the queue of the host, or None if it was not to be had at once.
    """

    __slots__ = ("_is_over", "_seat", "floor", "grant", "ticket")

    def __init__(self, seat: Line, floor: int, ticket: int | None) -> None:
        self._seat, self.floor, self.ticket = seat, floor, ticket
        self.grant: Grant | None = None
        self._is_over = False

    def sleep(self) -> None:
        try:
            self.grant = self._seat.sleep(self)
        except BaseException:
            self.cancel()
            raise

    def result(self) -> Grant:
        if self.grant is None:
            raise StoreUnavailable("this place in the queue of the file store was given up")
        return self.grant

    def cancel(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._seat.forsake(self)
