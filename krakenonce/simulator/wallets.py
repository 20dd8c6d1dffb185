"""Money: who has how much of what, what is held for open orders, and every movement.

Nothing is created or destroyed: money moves from one wallet to another, and the house's own wallets (funding, market,
fees) go below zero where they must. The sum over all wallets is zero for every asset, always.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement on one account: *amount* came in (or went out, if negative), then *fee* went out."""

    ledger_id: str
    reference: str
    time_ns: int
    kind: str
    asset: str
    amount: Decimal
    fee: Decimal
    balance: Decimal


class Wallet:
    """Balances and holds of one owner, by asset name. Belongs to one thread."""

    __slots__ = ("balances", "held", "owner")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.balances: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.held: defaultdict[str, Decimal] = defaultdict(Decimal)

    def available(self, asset: str) -> Decimal:
        """Return what may still be spent or reserved."""
        return self.balances.get(asset, ZERO) - self.held.get(asset, ZERO)

    def hold(self, asset: str, amount: Decimal) -> None:
        """Reserve *amount* more (or less, if negative)."""
        self.held[asset] += amount


class Vault:
    """Every wallet there is: the accounts' and the house's."""

    def __init__(self) -> None:
        self.wallets: list[Wallet] = []
        self.funding, self.market, self.fees = (self.open(name) for name in ("funding", "market", "fees"))

    def open(self, owner: str) -> Wallet:
        """Return a new, empty wallet."""
        wallet = Wallet(owner)
        self.wallets.append(wallet)
        return wallet

    @staticmethod
    def move(source: Wallet, target: Wallet, asset: str, amount: Decimal) -> None:
        """Move *amount* of *asset* between two wallets."""
        source.balances[asset] -= amount
        target.balances[asset] += amount

    def total(self, asset: str) -> Decimal:
        """Return the sum over all wallets, which is zero as long as nobody makes or loses money."""
        return sum((wallet.balances.get(asset, ZERO) for wallet in self.wallets), ZERO)
