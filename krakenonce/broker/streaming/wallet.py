"""What the ``balances`` channel tells. Pure but for its memory. https://docs.kraken.com/api/docs/websocket-v2/balances."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from krakenonce.broker.records import Balance
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import Continuity, SequenceWatch, Told
from krakenonce.orders.parsing import amount, text

_SPOT = ("spot", "main")


class Wallet:
    """The account's balances, as far as they were told since the last snapshot."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._balances: dict[str, Decimal] = {}
        self._watch = SequenceWatch()
        self.is_synced = False

    def begin(self) -> None:
        """A new subscription begins: nothing is known before its snapshot."""
        self._watch, self.is_synced = SequenceWatch(), False

    def lose(self) -> None:
        """The connection is over."""
        self.is_synced = False

    def take(self, told: Told) -> bool:
        """Take in a message; return False if one before it is missing: then nothing is known any more.

        Raises:
            ArithmeticError, LookupError, TypeError, ValueError: it is in no documented form.
        """
        continuity = self._watch.look(told.sequence)
        if continuity is Continuity.GAP:
            self.is_synced = False
            return False
        if told.kind == "snapshot":
            self._balances = {self._asset(row): amount(row["balance"]) for row in told.data}
            self.is_synced = True
        elif continuity is Continuity.NEXT:
            for row in told.data:
                if (row.get("wallet_type", _SPOT[0]), row.get("wallet_id", _SPOT[1])) == _SPOT:
                    self._balances[self._asset(row)] = amount(row["balance"])
        return True

    def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset key, if none of it is bound by open orders."""
        return {asset: Balance(asset, total, Decimal(0), total) for asset, total in self._balances.items()}

    def _asset(self, row: Mapping[str, Any]) -> str:
        return self._symbols.asset(text(row["asset"]))
