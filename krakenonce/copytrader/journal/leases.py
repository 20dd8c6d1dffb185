"""Which worker copies for which users: leases in PostgreSQL, by its clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.copytrader.journal.bell import RING, Word
from krakenonce.copytrader.journal.postgres import NOW_NS
from krakenonce.copytrader.journal.schema import SCHEMA
from krakenonce.orders.postgres_link import PostgresLink, styled

if TYPE_CHECKING:
    from psycopg import Connection

LOCK = 0x636F7079  # one worker at a time divides the users, so that none is left over and none is had twice
_PRESENCE = "@"  # no user's name begins so

_APPEAR = f"""INSERT INTO copy_leases VALUES (?, ?, {NOW_NS} + ?)
    ON CONFLICT (user_name) DO UPDATE SET until_ns = excluded.until_ns
    RETURNING (xmax = 0)"""  # noqa: S608 - constants only, as in all of these
_WORKERS = f"SELECT worker FROM copy_leases WHERE left(user_name, 1) = '@' AND until_ns > {NOW_NS} ORDER BY worker"  # noqa: S608
_MINE = "SELECT user_name FROM copy_leases WHERE worker = ? AND user_name = ANY(?) ORDER BY user_name FOR UPDATE"
_RENEW = f"UPDATE copy_leases SET until_ns = {NOW_NS} + ? WHERE worker = ? AND user_name = ANY(?)"  # noqa: S608
_TAKE = f"""INSERT INTO copy_leases SELECT wanted, ?, {NOW_NS} + ? FROM unnest(?::text[]) AS wanted
    LEFT JOIN copy_leases ON user_name = wanted WHERE user_name IS NULL OR until_ns <= {NOW_NS}
    ORDER BY wanted LIMIT ?
    ON CONFLICT (user_name) DO UPDATE SET worker = excluded.worker, until_ns = excluded.until_ns
    RETURNING user_name"""  # noqa: S608
_GIVE_BACK = "DELETE FROM copy_leases WHERE worker = ? AND user_name = ANY(?)"
_END = "DELETE FROM copy_leases WHERE worker = ?"
_SWEEP_UP = f"DELETE FROM copy_leases WHERE left(user_name, 1) = '@' AND until_ns <= {NOW_NS}"  # noqa: S608
_SETTLE = "INSERT INTO copy_meta VALUES (?, ?) ON CONFLICT DO NOTHING"

HELD = f"SELECT user_name, worker FROM copy_leases WHERE left(user_name, 1) <> '@' AND until_ns > {NOW_NS}"  # noqa: S608
"""Who is whose: each user that some worker copies for, and the worker's name."""


def quota(users: int, workers: Collection[str], worker: str) -> int:
    """Return how many of *users* are the share of *worker*; the shares of all *workers* sum up to *users*. Pure."""
    each, rest = divmod(users, len(workers))
    return each + (sorted(workers).index(worker) < rest)


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker has after a renewal.

    Attributes:
        kept: whom it has copied for without a break, and goes on with.
        taken: whom it has now and had not before: what it may remember of them does not count.
        surplus: those of *kept* that it should give back, because there are more workers now.
        whole: how many users there are for all workers together.
    """

    kept: frozenset[str]
    taken: frozenset[str]
    surplus: frozenset[str]
    whole: int

    @property
    def users(self) -> frozenset[str]:
        """Whom this worker may copy for until the lease is over."""
        return self.kept | self.taken


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
        self.worker, self.lease_s, self._lease_ns = worker, lease_s, int(lease_s * NS_PER_SECOND)
        # A connection of its own: renewing must not wait behind a long write of the journal.
        self._link = PostgresLink(url, SCHEMA, survives_power_loss=False)

    def renew(self, users: Collection[str], *, leaving: bool = False) -> Share:
        """Renew what this worker has of *users*, and take what is free, up to its share.

        Parameters:
            leaving: True to take nobody any more, and to be left out when others work out their shares.

        Raises:
            StoreUnavailable: that could not be done.
        """
        names = sorted(users)

        def divide(connection: Connection[Any]) -> Share:
            run = connection.execute
            run("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            most = 0 if leaving else self._share_of(connection, len(names))
            mine = [row[0] for row in run(styled(_MINE), (self.worker, names)).fetchall()]
            run(styled(_RENEW), (self._lease_ns, self.worker, mine))
            room = max(0, most - len(mine))
            taken = run(styled(_TAKE), (self.worker, self._lease_ns, names, room)).fetchall() if room else []
            return Share(frozenset(mine), frozenset(row[0] for row in taken), frozenset(mine[most:]), len(names))

        return self._link.write(divide, vital=False)

    def retire(self) -> None:
        """Take no part in the next division: others may have more from now on. Raises `StoreUnavailable`."""
        self._let_go(_GIVE_BACK, (self.worker, [_PRESENCE + self.worker]))

    def give_back(self, users: Collection[str]) -> None:
        """Let others have *users* at once. Raises `StoreUnavailable`."""
        self._let_go(_GIVE_BACK, (self.worker, sorted(users)))

    def settle(self, facts: Mapping[str, str]) -> None:
        """Have those of *facts* written in the journal that are not yet: of several workers the first is right.

        Raises:
            StoreUnavailable: the journal can't be written.
        """
        rows = list(facts.items())

        def write(connection: Connection[Any]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(styled(_SETTLE), rows)

        self._link.write(write, vital=True)

    def end(self) -> None:
        """Give everything back: this worker is no more. Raises `StoreUnavailable`."""
        self._let_go(_END, (self.worker,))

    def close(self) -> None:
        """Close the connection. What is held still runs out by itself."""
        self._link.close()

    def _share_of(self, connection: Connection[Any], users: int) -> int:
        run = connection.execute
        run(styled(_SWEEP_UP))
        if run(styled(_APPEAR), (_PRESENCE + self.worker, self.worker, self._lease_ns)).fetchall()[0][0]:
            run(styled(RING), (Word.LEASES,))  # who has too many now need not wait until he looks by himself
        # This one is alive, even if its lease is over before it is asked for.
        workers = {self.worker, *(row[0] for row in run(styled(_WORKERS)).fetchall())}
        return quota(users, workers, self.worker)

    def _let_go(self, statement: str, values: Sequence[Any]) -> None:
        def run(connection: Connection[Any]) -> None:
            connection.execute(styled(statement), values)
            connection.execute(styled(RING), (Word.LEASES,))

        self._link.write(run, vital=False)
