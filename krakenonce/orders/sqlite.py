"""A journal in a file: SQLite, from the standard library."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from krakenonce.errors import StoreUnavailable
from krakenonce.orders.intents import Intent
from krakenonce.orders.pruning import KEPT_DAYS, PRUNE, span_ns
from krakenonce.orders.sqlite_file import SqliteFile
from krakenonce.orders.tables import FIND, OPEN, SCHEMA, Change, intent_of


class SqliteEngine:
    """The intents in one file; see `SqliteFile` for parameters and errors.

    A claim is vital: it is on the disk before it counts (one sync for all claims that are made at the same time).
    *keep_days* says how long settled intents are kept, see `krakenonce.orders.pruning`.
    """

    is_local = True

    def __init__(self, path: str, *, survives_power_loss: bool = True, keep_days: int = KEPT_DAYS) -> None:
        self._file = SqliteFile(path, SCHEMA, survives_power_loss=survives_power_loss)
        with suppress(StoreUnavailable):  # another process writes: it will have pruned as well
            self._file.write(lambda database: database.execute(PRUNE, (span_ns(keep_days),)), vital=False)

    def write(self, changes: Sequence[Change]) -> list[bool]:
        return self._file.write(
            lambda database: [database.execute(*change.statement).rowcount == 1 for change in changes],
            vital=any(change.claims for change in changes),
            is_single=len(changes) == 1,
        )

    def find(self, account: str, name: str) -> Intent | None:
        rows = self._file.read(FIND, (account, name))
        return intent_of(rows[0]) if rows else None

    def open_intents(self, account: str) -> list[Intent]:
        return [intent_of(row) for row in self._file.read(OPEN, (account,))]

    def close(self) -> None:
        self._file.close()
