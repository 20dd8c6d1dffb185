"""The journal as the engine sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from krakenonce.clock import Clock, SystemClock
from krakenonce.copytrader.journal import rows
from krakenonce.copytrader.journal import statements as sql
from krakenonce.copytrader.journal.backend import Backend, Read
from krakenonce.copytrader.journal.folding import masters_as_filled
from krakenonce.copytrader.journal.records import Changes, FillRow, FollowRow, MirrorRow, Snapshot
from krakenonce.copytrader.records import LineKey
from krakenonce.orders.batches import GroupCommit, Insistence


class CopyJournal:
    """Fills, decisions, lines, orders and standings. Any number of tasks of one event loop.

    Parameters:
        backend: the database.
        clock: tells how long the disk takes.
        insistence: how it is tried again while the database can't be reached.
    """

    def __init__(self, backend: Backend, *, clock: Clock | None = None, insistence: Insistence | None = None) -> None:
        self.backend = backend
        self._commits: GroupCommit[Changes, frozenset[str]] = GroupCommit(
            backend.write,
            is_local=backend.is_local,
            clock=clock or SystemClock(),
            insistence=insistence or Insistence(),
            is_vital=sql.is_vital,
        )
        backend.hear(self._commits.at_disk)

    def commit(self, changes: Changes) -> asyncio.Future[frozenset[str]]:
        """Write all of *changes*, in the order of the calls; what is written together shares one sync.

        Done means durable. While the database can't be reached it is tried again, and nothing later gets ahead. The
        future holds the users of whom nothing was written, because another worker has them now. It fails with
        `StoreUnavailable` only if the journal is closed while the database is away.
        """
        return self._commits.submit(changes)

    async def load(self) -> Snapshot:
        """Return where everything stands; raises `StoreUnavailable`."""
        return await self._commits.read(lambda: self.backend.view(self._load))

    async def undecided(self, user: str) -> list[FillRow]:
        """Return the recent fills that *user* has to decide on and has not, oldest first; raises `StoreUnavailable`."""
        return await self._commits.read(
            lambda: [rows.fill_of(row) for row in self.backend.read(sql.UNDECIDED, (user, self._horizon()))]
        )

    async def select(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT with ``?`` for values; raises `StoreUnavailable`."""
        return await self._commits.read(lambda: self.backend.read(statement, values))

    async def close(self) -> None:
        """Write what waits to be written, then close the database."""
        await self._commits.close()
        self.backend.close()

    def _horizon(self) -> int:
        return _horizon(self.backend.read)

    def _load(self, read: Read) -> Snapshot:
        masters = tuple(map(rows.master_of, read(sql.ALL_MASTERS)))
        return Snapshot(
            fills=tuple(rows.fill_of(row).fill for row in read(sql.RECENT_FILLS, (_horizon(read),))),
            lines=tuple(map(rows.line_of, read(sql.ALL_LINES))),
            orders=tuple(map(rows.order_of, read(sql.OPEN_ORDERS))),
            standings=tuple(map(rows.standing_of, read(sql.ALL_STANDINGS))),
            masters=masters if self.backend.is_local else masters_as_filled(masters, read),
            follows=tuple(FollowRow(*row) for row in read(sql.ALL_FOLLOWS)),
            mirrors=tuple(MirrorRow(LineKey(*key), txid, text) for *key, txid, text in read(sql.ALL_MIRRORS)),
            meta=dict(read(sql.ALL_META)),
        )


def _horizon(read: Read) -> int:
    return int(read(sql.NEWEST_FILL)[0][0]) - sql.RECENT_NS
