"""Assets and pairs of Kraken's Spot market as data, and the spellings under which they are known.

Ticks, minimums and decimals are those published or recorded in August and September 2026
(https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs). Minimums drift every few months: a client that
trades for real loads AssetPairs at run time and uses this table only where nothing better is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from krakenonce.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Asset:
    """One currency.

    Parameters:
        name: Kraken's key (``XXBT``), altname: the short one (``XBT``), symbol: the name in WebSocket v2 (``BTC``).
        decimals: digits after the point in balances; display_decimals: digits shown to people.
        margin_rate: yearly rate as published, or empty text where the asset can't be borrowed.
        collateral_value: share of its value that counts as collateral, or None.
    """

    name: str
    altname: str
    symbol: str
    decimals: int
    display_decimals: int
    margin_rate: str = ""
    collateral_value: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One market. Prices are multiples of *tick*, volumes multiples of 10 ** -lot_decimals of the base asset.

    Parameters:
        key: the name in results (``XXBTZUSD``); altname: the short name, also in order descriptions (``XBTUSD``).
        base, quote: the assets; order_min in base units, cost_min in quote units.
        leverage: the levels on offer, empty where the pair has no margin; position_limits: (long, short) in base units.
    """

    key: str
    altname: str
    base: Asset
    quote: Asset
    price_decimals: int
    order_min: Decimal
    cost_min: Decimal
    cost_decimals: int = 5
    lot_decimals: int = 8
    leverage: tuple[int, ...] = ()
    position_limits: tuple[int, int] | None = None

    @property
    def tick(self) -> Decimal:
        """The step between two prices."""
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot(self) -> Decimal:
        """The step between two volumes."""
        return Decimal(1).scaleb(-self.lot_decimals)

    @property
    def wsname(self) -> str:
        """The old name with a slash (``XBT/USD``): still published by AssetPairs, refused by WebSocket v2."""
        return f"{self.base.altname}/{self.quote.altname}"

    @property
    def symbol(self) -> str:
        """The name in WebSocket v2 and in today's REST (``BTC/USD``)."""
        return f"{self.base.symbol}/{self.quote.symbol}"


ASSETS = (
    Asset("ZUSD", "USD", "USD", 4, 2, "0.036", 1.0),
    Asset("ZEUR", "EUR", "EUR", 4, 2, "0.036", 1.0),
    Asset("XXBT", "XBT", "BTC", 10, 5, "0.01", 0.99),
    Asset("XETH", "ETH", "ETH", 10, 5, "0.02", 0.98),
    Asset("SOL", "SOL", "SOL", 10, 5, "0.02", 0.95),
    Asset("XXRP", "XRP", "XRP", 8, 5, "0.02", 0.95),
    Asset("ADA", "ADA", "ADA", 8, 6, "0.02", 0.9),
    Asset("XXDG", "XDG", "DOGE", 8, 2, "0.02", 0.9),
    Asset("USDT", "USDT", "USDT", 8, 4, "0.02", 0.98),
    Asset("XLTC", "LTC", "LTC", 10, 5, "0.02", 0.9),
    Asset("DOT", "DOT", "DOT", 10, 5, "0.02", 0.9),
    Asset("LINK", "LINK", "LINK", 10, 5, "0.02", 0.9),
)

_ASSET_NAMES = {name: asset for asset in ASSETS for name in (asset.name, asset.altname, asset.symbol)}
_ALL_LEVERAGE = tuple(range(2, 11))


def _pair(  # one row of the table below
    key: str,
    names: str,
    price_decimals: int,
    order_min: str,
    cost_decimals: int = 5,
    limits: tuple[int, int] | None = None,
) -> Pair:
    base, quote = (_ASSET_NAMES[name] for name in names.split("/"))
    return Pair(
        key=key,
        altname=base.altname + quote.altname,
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        order_min=Decimal(order_min),
        cost_min=Decimal("0.45" if quote.symbol == "EUR" else "0.5"),
        cost_decimals=cost_decimals,
        leverage=_ALL_LEVERAGE if limits else (),
        position_limits=limits,
    )


PAIRS = (
    _pair("XXBTZUSD", "XBT/USD", 1, "0.00005", limits=(350, 250)),
    _pair("XETHZUSD", "ETH/USD", 2, "0.002", limits=(5000, 4000)),
    _pair("SOLUSD", "SOL/USD", 2, "0.06", limits=(37_000, 24_000)),
    _pair("XXRPZUSD", "XRP/USD", 5, "2", 8),
    _pair("ADAUSD", "ADA/USD", 6, "4.4", 8),
    _pair("XDGUSD", "XDG/USD", 7, "50", 9, limits=(30_000_000, 30_000_000)),
    _pair("XXBTZEUR", "XBT/EUR", 1, "0.00005", limits=(350, 250)),
    _pair("XETHZEUR", "ETH/EUR", 2, "0.002", limits=(5000, 4000)),
    _pair("USDTZUSD", "USDT/USD", 5, "5", 8),
    _pair("XLTCZUSD", "LTC/USD", 2, "0.05"),
    _pair("DOTUSD", "DOT/USD", 4, "0.6", 8),
    _pair("LINKUSD", "LINK/USD", 5, "0.2", 8),
)

PAIRS_BY_NAME = {name: pair for pair in PAIRS for name in (pair.key, pair.altname, pair.symbol)}


def find_pair(name: str) -> Pair:
    """Return the pair that Kraken's REST API knows as *name*: its key, its altname, or ``BTC/USD`` style.

    The old names with a slash (``XBT/USD``) are refused, as Kraken refuses them.

    Raises:
        ConfigError: no pair in the table has this name.
    """
    pair = PAIRS_BY_NAME.get(name)
    if pair is None:
        raise ConfigError("pair", f"{name[:32]!r}, which is no pair known here", _mend(name))
    return pair


def find_asset(name: str) -> Asset:
    """Return the asset known as *name*: key (``XXBT``), altname (``XBT``) or symbol (``BTC``).

    Raises:
        ConfigError: no asset in the table has this name.
    """
    asset = _ASSET_NAMES.get(name)
    if asset is None:
        raise ConfigError("asset", f"{name[:32]!r}, which is no asset known here", "Use a name such as BTC or ZUSD.")
    return asset


def round_down(volume: Decimal, lot_decimals: int) -> Decimal:
    """Return *volume* (>= 0) cut to *lot_decimals* digits after the point: the part that an order may carry."""
    return volume.quantize(Decimal(1).scaleb(-lot_decimals), rounding=ROUND_DOWN)


def _mend(name: str) -> str:
    for pair in PAIRS:
        if name.upper() in (pair.wsname, f"{pair.base.symbol}{pair.quote.symbol}"):
            return f"Kraken calls it {pair.symbol} or {pair.altname}."
    return "Use a name such as BTC/USD, XBTUSD or XXBTZUSD."
