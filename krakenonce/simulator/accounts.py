"""Accounts and their API keys."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.kraken.credentials import fingerprint
from krakenonce.simulator.identifiers import api_key, api_secret
from krakenonce.simulator.nonces import NonceRecord
from krakenonce.simulator.orders import Order, Trade
from krakenonce.simulator.wallets import LedgerEntry, Wallet

if TYPE_CHECKING:
    from krakenonce.simulator.margin import Position

PERMISSIONS = (
    "query-funds",
    "add-funds",
    "withdraw-funds",
    "earn-funds",
    "query-open-trades",
    "query-closed-trades",
    "modify-trades",
    "close-trades",
    "query-ledger",
    "export-data",
    "create-ws-token",
    "add-withdraw-address",
    "update-withdraw-address",
)
"""https://docs.kraken.com/api/docs/rest-api/get-api-key-info"""
TRADING_PERMISSIONS = frozenset(
    {
        "query-funds",
        "query-open-trades",
        "query-closed-trades",
        "modify-trades",
        "close-trades",
        "query-ledger",
        "create-ws-token",
    }
)
_MONTH_NS = 30 * 86_400 * 1_000_000_000


@dataclass(slots=True, eq=False)
class ApiKey:
    """One key of an account: what it may do, and the nonces it has used. The repr shows neither key nor secret."""

    name: str
    account: Account = field(repr=False)
    key: str = field(repr=False)
    secret: str = field(repr=False)
    nonces: NonceRecord = field(repr=False)
    created_ns: int = 0
    permissions: frozenset[str] = TRADING_PERMISSIONS
    enabled: bool = True
    last_used_ns: int = 0
    valid_until_ns: int = 0
    addresses: tuple[str, ...] = ()
    fingerprint: str = ""
    secret_bytes: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.fingerprint = fingerprint(self.key)
        self.secret_bytes = base64.b64decode(self.secret)

    def may(self, permission: str) -> bool:
        """Return whether the key has *permission*."""
        return permission in self.permissions


@dataclass(slots=True, eq=False)
class Account:
    """One client of the exchange. Changed only in the exchange's thread."""

    name: str
    wallet: Wallet = field(repr=False)
    keys: list[ApiKey] = field(default_factory=list, repr=False)
    orders: dict[str, Order] = field(default_factory=dict, repr=False)
    open_orders: dict[str, Order] = field(default_factory=dict, repr=False)
    trades: list[Trade] = field(default_factory=list, repr=False)
    ledger: list[LedgerEntry] = field(default_factory=list, repr=False)
    positions: dict[str, Position] = field(default_factory=dict, repr=False)
    volume: Decimal = Decimal(0)
    _counted: deque[tuple[int, Decimal]] = field(default_factory=deque, repr=False)

    @property
    def key(self) -> str:
        """The public key of the account's first API key."""
        return self.keys[0].key

    @property
    def secret(self) -> str:
        """The private key of the account's first API key."""
        return self.keys[0].secret

    def open_by_client_id(self, cl_ord_id: str) -> Order | None:
        """Return the open order with this cl_ord_id; there is at most one."""
        return next((order for order in self.open_orders.values() if order.ticket.cl_ord_id == cl_ord_id), None)

    def count_volume(self, now_ns: int, usd: Decimal) -> None:
        """Add a trade's worth to the 30-day volume that decides the fee tier."""
        self._counted.append((now_ns, usd))
        self.volume += usd
        while self._counted[0][0] < now_ns - _MONTH_NS:
            self.volume -= self._counted.popleft()[1]


def account_name(index: int) -> str:
    """Return the name of the account number *index*: MASTER, USER:1, USER:2 and so on."""
    return f"USER:{index}" if index else "MASTER"


def make_key(account: Account, seed: int, nonces: NonceRecord, created_ns: int) -> ApiKey:
    """Give *account* another API key and return it. Key and secret follow from the seed and the key's name."""
    number = len(account.keys) + 1
    name = account.name if number == 1 else f"{account.name}#{number}"
    key = ApiKey(name, account, api_key(seed, name), api_secret(seed, name), nonces, created_ns)
    account.keys.append(key)
    return key
