"""Private endpoints that read: balances, orders, trades, volume, the key itself."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.pairs import ASSETS, Pair
from krakenonce.simulator.fees import FeeTier, tier_at
from krakenonce.simulator.prices import EUR_IN_USD
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments, known_pair
from krakenonce.simulator.rest.formats import balance_text, digits

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Asset
    from krakenonce.simulator.accounts import Account, ApiKey
    from krakenonce.simulator.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, on which exchange, and when the request came off the wire.

    *seen_ns* is the moment whose state the caller is shown: now, unless a fault makes reads stale.
    """

    exchange: Exchange
    key: ApiKey
    arrived_ns: int
    seen_ns: int = 0

    @property
    def account(self) -> Account:
        """The caller's account."""
        return self.key.account


def balance(caller: Caller, _: Arguments) -> dict[str, str]:
    """Answer Balance: what there is, holds included."""
    return {asset.name: balance_text(asset, amount) for asset, amount in _holdings(caller.account)}


def balance_ex(caller: Caller, _: Arguments) -> dict[str, dict[str, str]]:
    """Answer BalanceEx."""
    held = caller.account.wallet.held
    return {
        asset.name: {
            "balance": balance_text(asset, amount),
            "hold_trade": balance_text(asset, held.get(asset.name, Decimal(0))),
        }
        for asset, amount in _holdings(caller.account)
    }


def _holdings(account: Account) -> list[tuple[Asset, Decimal]]:
    balances = account.wallet.balances
    return [(asset, balances[asset.name]) for asset in ASSETS if asset.name in balances]


def trade_balance(caller: Caller, arguments: Arguments) -> dict[str, str]:
    """Answer TradeBalance, in US dollars or euros."""
    asset = arguments.text("asset", "ZUSD")
    if asset not in ("ZUSD", "USD", "ZEUR", "EUR"):
        raise Refusal("EQuery:Unknown asset")
    rate = EUR_IN_USD if asset.endswith("EUR") else Decimal(1)
    figures = caller.exchange.margin.figures(caller.account)
    row = {
        "eb": figures.balance,
        "tb": figures.balance,
        "m": figures.margin,
        "uv": Decimal(0),
        "n": figures.profit,
        "c": figures.cost,
        "v": figures.value,
        "e": figures.equity,
        "mf": figures.free,
    }
    texts = {name: digits(value / rate, 4) for name, value in row.items()}
    return texts | ({"ml": digits(figures.equity / figures.margin * 100, 2)} if figures.margin else {})


def websockets_token(caller: Caller, _: Arguments) -> dict[str, Any]:
    """Answer GetWebSocketsToken."""
    tokens = caller.exchange.tokens
    return {"token": tokens.issue(caller.key, caller.exchange.now), "expires": tokens.life_ns // NS_PER_SECOND}


def api_key_info(caller: Caller, _: Arguments) -> dict[str, Any]:
    """Answer GetApiKeyInfo, in the spelling that clients have captured or in the documentation's."""
    key = caller.key
    created = str(key.created_ns // NS_PER_SECOND)
    row: dict[str, Any] = {
        "api_key_name": key.name,
        "api_key": key.key,
        "nonce": str(key.nonces.highest),
        "nonce_window": str(key.nonces.window),
        "permissions": sorted(key.permissions),
        "iban": _iban(caller.account.name),
        "valid_until": str(key.valid_until_ns // NS_PER_SECOND),
        "query_from": "0",
        "query_to": "0",
        "created_time": created,
        "modified_time": created,
        "ip_allowlist": list(key.addresses),
        "last_used": str(key.last_used_ns // NS_PER_SECOND),
    }
    return row if caller.exchange.settings.key_info_case == "snake" else _camel(row)


def _iban(name: str) -> str:
    letters = f"{sum(map(ord, name)):04d}"
    return f"AA{letters[:2]} N84G {letters} SIML"


def _camel(row: dict[str, Any]) -> dict[str, Any]:
    renamed = {_camel_name(name): value for name, value in row.items()}
    return renamed | {"nonceWindow": int(row["nonce_window"])}


def _camel_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def trade_volume(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """Answer TradeVolume. ``fee_schedule`` must be spelt ``true`` or ``false``: here Kraken refuses ``True``."""
    pairs = [known_pair(name) for name in arguments.names("pair", 200)]
    flag = arguments.raw("fee_schedule")
    if flag not in (None, "", True, False, "true", "false"):
        raise invalid_arguments("fee_schedule")
    row: dict[str, Any] = {"currency": "ZUSD", "volume": digits(caller.account.volume, 4)}
    if pairs:
        row["fees"] = {pair.key: _fee_row(caller, pair, maker=False) for pair in pairs}
        row["fees_maker"] = {pair.key: _fee_row(caller, pair, maker=True) for pair in pairs}
    if pairs and flag in (True, "true"):
        row["schedules"] = [_schedule_row(caller, pair) for pair in pairs]
    return row


def _fee_row(caller: Caller, pair: Pair, *, maker: bool) -> dict[str, str | None]:
    schedule = caller.exchange.market(pair).schedule
    rates = [tier.maker if maker else tier.taker for tier in schedule]
    index = tier_at(schedule, caller.account.volume)
    following = schedule[index + 1] if index + 1 < len(schedule) else None
    return {
        "fee": digits(rates[index], 4),
        "minfee": digits(min(rates), 4),
        "maxfee": digits(max(rates), 4),
        "nextfee": None if following is None else digits(rates[index + 1], 4),
        "nextvolume": None if following is None else digits(following.volume, 4),
        "tiervolume": digits(schedule[index].volume, 4),
    }


def _schedule_row(caller: Caller, pair: Pair) -> dict[str, Any]:
    schedule = caller.exchange.market(pair).schedule
    active = tier_at(schedule, caller.account.volume)
    tiers = [_tier_row(tier, active=index == active) for index, tier in enumerate(schedule)]
    return {"pair": pair.key, "class": "forex", "tiers": tiers}


def _tier_row(tier: FeeTier, *, active: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"maker_fee": digits(tier.maker, 4), "taker_fee": digits(tier.taker, 4)}
    if tier.volume:
        row["min_spot_volume"] = digits(tier.volume, 4)
    return row | ({"active": True} if active else {})
