"""What a database must be able to do to keep the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from krakenonce.copytrader.journal.records import Changes

Rows: TypeAlias = list[tuple[Any, ...]]
T = TypeVar("T")


class Read(Protocol):
    """Returns the rows of a SELECT with ``?`` for values."""

    def __call__(self, statement: str, values: Sequence[Any] = ()) -> Rows: ...


class Backend(Protocol):
    """A database. Its methods block; one thread at a time calls `write`. All raise `StoreUnavailable`."""

    @property
    def is_local(self) -> bool:
        """True if it takes microseconds as a rule, and never the network."""

    def write(self, batch: Sequence[Changes]) -> list[frozenset[str]]:
        """Write all of *batch* in one transaction, as durable as was asked for; harmless to do twice.

        Returns:
            for each the users of whom nothing was written, because another worker has them.
        """

    def hear(self, at_disk: Callable[[], None]) -> None:
        """Have *at_disk* called whenever nothing is left of a `write` but to wait for the disk, if that is known."""

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT with ``?`` for values."""

    def view(self, work: Callable[[Read], T]) -> T:
        """Return what *work* returns; all that it reads stands as of one moment, whatever others write meanwhile."""

    def close(self) -> None:
        """Close the database. Safe to call twice."""
