"""What pairs and assets are called on WebSocket v2, and what by their keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from krakenonce.broker.records import PairRules

# AssetPairs still publishes the old names with a slash, and WebSocket v2 refuses them:
# https://docs.kraken.com/api/docs/guides/spot-ws-intro
_RENAMED = {"XBT": "BTC", "XDG": "DOGE"}


class Symbols:
    """The names of pairs and assets, as AssetPairs published them at the start. Immutable.

    Parameters:
        pairs: the rules of all pairs there are.
    """

    def __init__(self, pairs: Iterable[PairRules]) -> None:
        self._symbols: dict[str, str] = {}
        self._assets: dict[str, str] = {}
        for rules in pairs:
            base, slash, quote = rules.wsname.partition("/")
            if slash:
                base, quote = _RENAMED.get(base, base), _RENAMED.get(quote, quote)
                self._symbols[rules.key] = f"{base}/{quote}"
                self._assets[base], self._assets[quote] = rules.base, rules.quote
        self._keys = {symbol: key for key, symbol in self._symbols.items()}

    def symbol(self, key: str) -> str | None:
        """Return the symbol (``BTC/USD``) of the pair with this key (``XXBTZUSD``); None if it has none."""
        return self._symbols.get(key)

    def key(self, symbol: str) -> str | None:
        """Return the key of the pair with this symbol; None if nobody knows it."""
        return self._keys.get(symbol)

    def asset(self, symbol: str) -> str:
        """Return the key (``XXBT``) of the asset with this symbol (``BTC``); the symbol itself if it is in no pair."""
        return self._assets.get(symbol, symbol)
