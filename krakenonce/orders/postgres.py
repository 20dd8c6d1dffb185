"""A journal in PostgreSQL, for several hosts that trade for the same accounts."""

from __future__ import annotations

from collections.abc import Sequence

from krakenonce.orders.intents import Intent
from krakenonce.orders.postgres_link import PostgresLink, styled
from krakenonce.orders.pruning import KEPT_DAYS, PRUNE, span_ns
from krakenonce.orders.tables import FIND, OPEN, SCHEMA, Change, intent_of


class PostgresEngine:
    """The intents in a table of a database; see `PostgresLink` for parameters and errors.

    What was under way when a connection was lost may be done twice: a claim that did get through is recognised by its
    holder and attempt, and settling twice is nothing. *keep_days* says how long settled intents are kept, see
    `krakenonce.orders.pruning`.
    """

    is_local = False

    def __init__(self, url: str, *, survives_power_loss: bool = True, keep_days: int = KEPT_DAYS) -> None:
        self._link = PostgresLink(url, SCHEMA, survives_power_loss=survives_power_loss)
        span = (span_ns(keep_days),)
        self._link.write(lambda connection: connection.execute(styled(PRUNE), span), vital=False)

    def write(self, changes: Sequence[Change]) -> list[bool]:
        statements = [change.statement for change in changes]
        return self._link.write(
            lambda connection: [connection.execute(styled(text), values).rowcount == 1 for text, values in statements],
            vital=any(change.claims for change in changes),
        )

    def find(self, account: str, name: str) -> Intent | None:
        rows = self._link.read(FIND, (account, name))
        return intent_of(rows[0]) if rows else None

    def open_intents(self, account: str) -> list[Intent]:
        return [intent_of(row) for row in self._link.read(OPEN, (account,))]

    def close(self) -> None:
        self._link.close()
