"""Which worker copies for which users: leases in PostgreSQL, by its clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.journal.postgres import NOW_NS
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.orders.postgres_link import PostgresLink, styled

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = 0x636F7079  # one worker at a time divides the users, so that none is left over and none is had twice
_PRESENCE = "@"

_APPEAR = f"""INSERT INTO copy_leases VALUES (?, ?, {NOW_NS} + ?)
    ON CONFLICT (user_name) DO UPDATE SET until_ns = excluded.until_ns"""  # noqa: S608 - constants only, as in all of these
_WORKERS = f"SELECT count(*) FROM copy_leases WHERE user_name LIKE '@%' AND until_ns > {NOW_NS}"  # noqa: S608
_MINE = "SELECT user_name FROM copy_leases WHERE worker = ? AND user_name = ANY(?) ORDER BY user_name"
_RENEW = f"UPDATE copy_leases SET until_ns = {NOW_NS} + ? WHERE worker = ? AND user_name = ANY(?)"  # noqa: S608
_TAKE = f"""INSERT INTO copy_leases SELECT wanted, ?, {NOW_NS} + ? FROM unnest(?::text[]) AS wanted
    LEFT JOIN copy_leases ON user_name = wanted WHERE user_name IS NULL OR until_ns <= {NOW_NS}
    ORDER BY wanted LIMIT ?
    ON CONFLICT (user_name) DO UPDATE SET worker = excluded.worker, until_ns = excluded.until_ns
    RETURNING user_name"""  # noqa: S608
_GIVE_BACK = "UPDATE copy_leases SET until_ns = 0, worker = '' WHERE worker = ? AND user_name = ANY(?)"


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker has after a renewal.

    Attributes:
        users: whom it copies for, until the lease is over.
        surplus: those of them that it should give back, because there are more workers now.
    """

    users: frozenset[str]
    surplus: frozenset[str]


class Leases:
    """Divides users evenly between the workers that are alive. One thread at a time; its methods block.

    A lease that is not renewed is over after *lease_s* by the database's clock; then others take its users.

    Parameters:
        url: as of the journal.
        worker: this worker's name, one of its own among all.
        lease_s: see above.

    Raises:
        ConfigError, MissingExtra, StoreUnavailable: as `PostgresLink`.
    """

    def __init__(self, url: str, worker: str, *, lease_s: float) -> None:
        self.worker, self._lease_ns = worker, int(lease_s * NS_PER_SECOND)
        self._link = PostgresLink(url, SCHEMA, survives_power_loss=False)

    def renew(self, users: Collection[str]) -> Share:
        """Renew what this worker has of *users*, and take what is free, up to its share. Raises `StoreUnavailable`."""

        def divide(connection: Connection[Any]) -> Share:
            run = connection.execute
            run("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            run(styled(_APPEAR), (_PRESENCE + self.worker, self.worker, self._lease_ns))
            counted = run(styled(_WORKERS)).fetchone()
            most = -(-len(users) // max(1, int(counted[0]) if counted else 1))
            mine = [row[0] for row in run(styled(_MINE), (self.worker, sorted(users))).fetchall()]
            run(styled(_RENEW), (self._lease_ns, self.worker, mine))
            room = max(0, most - len(mine))
            taken = run(styled(_TAKE), (self.worker, self._lease_ns, sorted(users), room)).fetchall() if room else []
            return Share(frozenset([*mine, *(row[0] for row in taken)]), frozenset(mine[most:]))

        return self._link.write(divide, vital=False)

    def give_back(self, users: Collection[str]) -> None:
        """Let others have *users* at once. Raises `StoreUnavailable`."""
        names = sorted(users)
        self._link.write(lambda connection: connection.execute(styled(_GIVE_BACK), (self.worker, names)), vital=False)

    def close(self) -> None:
        """Give everything back, if the database can be reached, and close the connection."""
        rows = self._link.read("SELECT user_name FROM copy_leases WHERE worker = ?", (self.worker,))
        self.give_back([row[0] for row in rows])
        self._link.close()
