"""What a configuration says, typed. Immutable; no secret is in it, only where each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from krakenonce.copytrader.notify import Event
from krakenonce.copytrader.policy import Guards, UserPolicy
from krakenonce.keychain import Reference


class RunMode(Enum):
    """How much is real: all of it; all but the orders; or only the master."""

    LIVE = "live"
    DRY = "dry"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account and where its key is kept.

    Attributes:
        name: ``MASTER``, ``MASTER:<name>`` or ``USER:<name>``.
        key: where its key is; None for a user that is simulated.
        tier: Kraken's verification level, for its rate limits; None if it was not told.
        allow_withdraw: whether a key that can withdraw is taken.
    """

    name: str
    key: Reference | None
    tier: str | None = None
    allow_withdraw: bool = False


@dataclass(frozen=True, slots=True)
class UserSettings:
    """One user.

    Attributes:
        account: see there; policy: how it copies, pairs in the spelling of the file.
        balances: what it begins with, by currency, if it is simulated.
        cancel_after_s: the seconds of Kraken's cancel-after switch; None to leave it alone.
    """

    account: AccountSettings
    policy: UserPolicy
    balances: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    cancel_after_s: int | None = None

    @property
    def name(self) -> str:
        """``USER:<name>``."""
        return self.account.name


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of what. The address may hold a token: it is never shown."""

    url: str = field(repr=False)
    events: frozenset[Event]


@dataclass(frozen=True, slots=True)
class CopySettings:
    """A whole configuration.

    Attributes:
        file: where it was read.
        run: how much is real.
        url: the exchange; for all accounts.
        store: the nonce store's URL, journal: the journal's; either may hold a password, and is never shown.
        lease_s: how long a worker's lease of its users lasts without renewal, if several share the journal.
        currency: what money is counted in.
        masters, users: by their account names, in the order of the file.
        guards: the limits of all users together.
        fee_rate: the taker's fee, as a fraction.
        webhooks: who is told of what.
        lines: the line of each dotted name, for complaints that come later.
    """

    file: Path
    run: RunMode
    url: str
    store: str = field(repr=False)
    journal: str = field(repr=False)
    lease_s: int
    currency: str
    masters: Mapping[str, AccountSettings]
    users: Mapping[str, UserSettings]
    guards: Guards
    fee_rate: Decimal
    webhooks: tuple[Webhook, ...]
    lines: Mapping[str, int] = field(repr=False, compare=False)
