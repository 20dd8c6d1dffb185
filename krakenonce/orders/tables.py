"""The journal's one table and what is done with it, in the SQL that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from krakenonce.orders.intents import Intent, Kind, State

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS krakenonce_intents (
        account TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, attempt BIGINT NOT NULL, holder TEXT NOT NULL,
        key TEXT NOT NULL, request TEXT NOT NULL, deadline_ns BIGINT NOT NULL, nonce BIGINT NOT NULL,
        written_ns BIGINT NOT NULL, state TEXT NOT NULL, txid TEXT NOT NULL, committed TEXT NOT NULL,
        detail TEXT NOT NULL, PRIMARY KEY (account, name))""",
    "CREATE INDEX IF NOT EXISTS krakenonce_open ON krakenonce_intents (account) WHERE state = 'sent'",
)

COLUMNS = (
    "account, name, kind, attempt, holder, key, request, deadline_ns, nonce, written_ns, state, txid, committed, detail"
)

# The condition says in SQL what `intents.may_follow` says in Python; tests hold the one against the other.
CLAIM = f"""INSERT INTO krakenonce_intents ({COLUMNS}) VALUES ({", ".join("?" * 14)})
    ON CONFLICT (account, name) DO UPDATE SET
        kind = excluded.kind, attempt = excluded.attempt, holder = excluded.holder, key = excluded.key,
        request = excluded.request, deadline_ns = excluded.deadline_ns, nonce = excluded.nonce,
        written_ns = excluded.written_ns, state = excluded.state, txid = excluded.txid,
        committed = excluded.committed, detail = excluded.detail
    WHERE CASE krakenonce_intents.state
        WHEN 'sent' THEN krakenonce_intents.attempt = excluded.attempt
            AND krakenonce_intents.holder = excluded.holder
        ELSE krakenonce_intents.attempt = excluded.attempt - 1
            AND NOT (krakenonce_intents.kind = 'place' AND krakenonce_intents.state = 'executed') END"""  # noqa: S608 - constants only

SETTLE = """UPDATE krakenonce_intents SET state = ?, txid = ?, committed = ?, detail = ?
    WHERE account = ? AND name = ? AND attempt = ? AND nonce = ? AND state = 'sent'"""

FIND = f"SELECT {COLUMNS} FROM krakenonce_intents WHERE account = ? AND name = ?"  # noqa: S608 - constants only

OPEN = f"SELECT {COLUMNS} FROM krakenonce_intents WHERE account = ? AND state = 'sent' ORDER BY written_ns"  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the journal.

    Attributes:
        intent: as it is to stand afterwards.
        claims: True to write an attempt before it is sent: this must survive whatever the journal is meant to survive.
            False to settle one. That may be lost, for then the fate is simply found out again.
    """

    intent: Intent
    claims: bool

    @property
    def statement(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL and its values."""
        intent = self.intent
        if self.claims:
            return CLAIM, row_of(intent)
        values = (intent.state.value, intent.txid, str(intent.committed), intent.detail)
        return SETTLE, (*values, intent.account, intent.name, intent.attempt, intent.nonce)


class Engine(Protocol):
    """A database. Its methods block; one thread at a time calls `write`."""

    @property
    def is_local(self) -> bool:
        """True if reading takes microseconds, and never the network."""

    def write(self, changes: Sequence[Change]) -> list[bool]:
        """Make all *changes* in one transaction; False for one that the journal's state does not allow.

        When it returns, claims are as durable as the engine was told to make them.

        Raises:
            StoreUnavailable: nothing was written, or nobody knows.
        """

    def find(self, account: str, name: str) -> Intent | None:
        """Return one intent."""

    def open_intents(self, account: str) -> list[Intent]:
        """Return the intents of *account* whose fate is not known, oldest first."""

    def close(self) -> None:
        """Close the database. Safe to call twice."""


def row_of(intent: Intent) -> tuple[Any, ...]:
    """Return the values of *intent* in the order of `COLUMNS`."""
    return (
        intent.account, intent.name, intent.kind.value, intent.attempt, intent.holder, intent.key, intent.request,
        intent.deadline_ns, intent.nonce, intent.written_ns, intent.state.value, intent.txid, str(intent.committed),
        intent.detail,
    )  # fmt: skip


def intent_of(row: Sequence[Any]) -> Intent:
    """Return the intent that a row of `COLUMNS` holds."""
    account, name, kind, attempt, holder, key, request, deadline, nonce, written, state, txid, committed, detail = row
    return Intent(
        account, name, Kind(kind), attempt, holder, key, request, deadline, nonce, written, State(state), txid,
        Decimal(committed), detail,
    )  # fmt: skip
