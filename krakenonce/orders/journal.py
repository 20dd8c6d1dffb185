"""The journal: which orders were wanted, sent and settled. It is the truth after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from krakenonce.clock import Clock, SystemClock
from krakenonce.errors import ConfigError
from krakenonce.orders.batches import GroupCommit
from krakenonce.orders.intents import Intent
from krakenonce.orders.pruning import KEPT_DAYS, kept_days
from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.orders.tables import Change, Engine


class Journal:
    """Intents, written before they are sent. Any number of tasks of one event loop; any number of processes per file.

    What many tasks write at the same time is written in one transaction, with one sync of the disk for all of them.

    Parameters:
        engine: the database.
        clock: tells how long the disk takes.
    """

    def __init__(self, engine: Engine, *, clock: Clock | None = None) -> None:
        self._engine = engine
        self._commits = GroupCommit(engine.write, is_local=engine.is_local, clock=clock or SystemClock())

    async def claim(self, intent: Intent) -> bool:
        """Write an attempt that is about to be sent; it may be sent when True comes back, and not before.

        False means that somebody else has it in hand, or that it was executed already.

        Raises:
            StoreUnavailable: it cannot be written. Do not send.
        """
        return await self._commits.submit(Change(intent, claims=True))

    async def settle(self, intent: Intent) -> bool:
        """Write what became of an attempt; False if somebody else did so before.

        Raises:
            StoreUnavailable: it cannot be written. The fate will be found out again after a restart.
        """
        return await self._commits.submit(Change(intent, claims=False))

    async def find(self, account: str, name: str) -> Intent | None:
        """Return one intent, or None if it was never sent. Raises `StoreUnavailable`."""
        return await self._commits.read(lambda: self._engine.find(account, name))

    async def open_intents(self, account: str) -> list[Intent]:
        """Return the intents of *account* whose fate is not known, oldest first. Raises `StoreUnavailable`."""
        return await self._commits.read(lambda: self._engine.open_intents(account))

    async def close(self) -> None:
        """Write what waits to be written, then close the database."""
        await self._commits.close()
        self._engine.close()


@dataclass(frozen=True, slots=True)
class JournalAddress:
    """Where a journal is.

    Attributes:
        target: the path of a file, ``:memory:``, or the URL of a server.
        is_server: True for PostgreSQL.
        survives_power_loss: whether what is vital is on the disk before it counts.
        keep_days: how long orders whose fate is known are remembered.
    """

    target: str
    is_server: bool
    survives_power_loss: bool
    keep_days: int = KEPT_DAYS

    @classmethod
    def of(cls, url: str) -> JournalAddress:
        """Read *url*; see `open_journal`. Raises `ConfigError`."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        durability = options.pop("durability", "power")
        if durability not in ("power", "crash"):
            raise ConfigError("journal", f"durability {durability!r}", "Use power or crash.")
        strict = durability == "power"
        days = kept_days(options.pop("keep_days", str(KEPT_DAYS)))
        if parts.scheme == "memory":
            return cls(":memory:", is_server=False, survives_power_loss=False)
        if parts.scheme == "sqlite" and parts.path.strip("/") and not parts.netloc and not options:
            return cls(parts.path, is_server=False, survives_power_loss=strict, keep_days=days)
        if parts.scheme in ("postgresql", "postgres"):
            query = "&".join(f"{name}={value}" for name, value in options.items())
            return cls(parts._replace(query=query).geturl(), is_server=True, survives_power_loss=strict, keep_days=days)
        mend = "Use sqlite:///path/to/orders.db, postgresql://user@host/database or memory://."
        raise ConfigError("journal", f"a URL with scheme {parts.scheme!r}", mend)


def open_journal(url: str) -> Journal:
    """Return the journal that *url* names.

    Parameters:
        url: ``sqlite:///path/to/orders.db`` (a file of this host), ``postgresql://...`` (a table, made if it is not
            there), or ``memory://`` (gone with the process). ``?durability=crash`` spares the sync of the disk before
            each order: still safe against kill -9, no longer against a power cut. Default: ``?durability=power``.
            ``keep_days=90`` forgets names that were last used 90 days before the newest one; by default after 365.

    Raises:
        ConfigError: the URL names no journal.
        MissingExtra: psycopg is not installed.
        StoreUnavailable: it cannot be opened.
    """
    address = JournalAddress.of(url)
    strict, days = address.survives_power_loss, address.keep_days
    if address.is_server:
        from krakenonce.orders.postgres import PostgresEngine

        return Journal(PostgresEngine(address.target, survives_power_loss=strict, keep_days=days))
    return Journal(SqliteEngine(address.target, survives_power_loss=strict, keep_days=days))
