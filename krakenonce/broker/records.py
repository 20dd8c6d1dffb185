"""What a broker tells of an account: balances, keys, pairs. Immutable values; money is ``Decimal``."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one asset; *held* is bound by open orders, *available* may be spent."""

    asset: str
    total: Decimal
    held: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The exchange has taken the order: it exists, once.

    Attributes:
        txid: the exchange's name for it.
        acknowledged_ns: when the answer came, by our clock.
    """

    txid: str
    acknowledged_ns: int


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What Kraken says of an API key (https://docs.kraken.com/api/docs/rest-api/get-api-key-info).

    Attributes:
        name: the name the key was given.
        nonce_window: how far below the highest nonce a lower one is still accepted; 0 is what lanes want.
        permissions: such as ``query-funds`` or ``modify-trades``.
    """

    name: str
    nonce_window: int
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class PairRules:
    """What the exchange demands of orders on one pair, as loaded at run time: the minimums drift.

    Attributes:
        key, altname, wsname: the three spellings AssetPairs publishes (``XXBTZUSD``, ``XBTUSD``, ``XBT/USD``).
        base, quote: the keys of the two assets.
        price_decimals, lot_decimals: decimal places of a price and of a volume.
        order_min: smallest volume, in the base asset.
        cost_min: smallest price times volume, in the quote asset.
        status: ``online``, ``cancel_only``, ``post_only``, ``limit_only`` or ``reduce_only``.
    """

    key: str
    altname: str
    wsname: str
    base: str
    quote: str
    price_decimals: int
    lot_decimals: int
    order_min: Decimal
    cost_min: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Depth:
    """The two sides of a book, the best first: rows of price (quote asset) and volume (base asset)."""

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
