"""The ``balances`` channel. https://docs.kraken.com/api/docs/websocket-v2/balances."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.kraken.pairs import ASSETS, find_asset
from krakenonce.simulator.rest.formats import balance_text
from krakenonce.simulator.websocket.frames import stamp

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.wallets import LedgerEntry

_WALLET = {"type": "spot", "id": "main"}


def holdings(account: Account) -> list[dict[str, Any]]:
    """Return what an account has, asset by asset and wallet by wallet; here, everybody has one wallet."""
    balances = account.wallet.balances
    rows = [(asset, Decimal(balance_text(asset, balances[asset.name]))) for asset in ASSETS if asset.name in balances]
    return [
        {
            "asset": asset.symbol,
            "asset_class": "currency",
            "balance": amount,
            "wallets": [_WALLET | {"balance": amount}],
        }
        for asset, amount in rows
    ]


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """Return one movement, with the balance after it."""
    asset = find_asset(entry.asset)
    amounts = {"amount": entry.amount, "fee": entry.fee, "balance": entry.balance}
    return {
        "ledger_id": entry.ledger_id,
        "ref_id": entry.reference,
        "timestamp": stamp(entry.time_ns),
        "type": entry.kind,
        "asset": asset.symbol,
        "asset_class": "currency",
        "category": entry.kind,
        "wallet_type": _WALLET["type"],
        "wallet_id": _WALLET["id"],
    } | {name: Decimal(balance_text(asset, value)) for name, value in amounts.items()}
