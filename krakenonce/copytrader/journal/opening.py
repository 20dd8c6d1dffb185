"""From a URL to a journal."""

from __future__ import annotations

from krakenonce.clock import Clock
from krakenonce.copytrader.journal.backend import Backend
from krakenonce.copytrader.journal.journal import CopyJournal
from krakenonce.copytrader.journal.sqlite import SqliteBackend
from krakenonce.errors import ConfigError
from krakenonce.orders.journal import JournalAddress


def open_copy_journal(
    url: str, *, clock: Clock | None = None, is_sole: bool = False, worker: str | None = None
) -> CopyJournal:
    """Return the copy trader's journal at *url*; the tables of `krakenonce.orders.open_journal` may be in the same.

    Parameters:
        url: ``sqlite:///path/to/copies.db``, ``postgresql://...`` or ``memory://``; ``?durability=crash`` as there.
        clock: tells how long the disk takes.
        is_sole: a file only: True for the engine, to keep other engines off; False to read.
        worker: PostgreSQL only: this worker's name, if several divide the users between them.

    Raises:
        ConfigError: the URL names no journal, or several workers are to share a file.
        MissingExtra: psycopg is not installed.
        StoreUnavailable: it cannot be opened, or another engine has it.
    """
    return CopyJournal(_backend(JournalAddress.of(url), is_sole=is_sole, worker=worker), clock=clock)


def _backend(address: JournalAddress, *, is_sole: bool, worker: str | None) -> Backend:
    if address.is_server:
        from krakenonce.copytrader.journal.postgres import PostgresBackend

        return PostgresBackend(address.target, survives_power_loss=address.survives_power_loss, worker=worker)
    if worker is not None:
        mend = "Use a postgresql:// journal, or a single worker."
        raise ConfigError("journal", "one file for several workers", mend)
    return SqliteBackend(address.target, survives_power_loss=address.survives_power_loss, is_sole=is_sole)
