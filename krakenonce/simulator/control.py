"""The control surface under ``/_control/``: for the person who runs the simulator, so for this machine only."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from krakenonce.errors import ConfigError
from krakenonce.kraken.pairs import find_pair
from krakenonce.simulator.calls import Reply

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.calls import Call
    from krakenonce.simulator.exchange import Exchange

CONTROL_PATH = "/_control/"


class Control:
    """Answers control calls: GET reads, POST (with a JSON object) changes. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reads: dict[str, Callable[[], Any]] = {
            "accounts": lambda: accounts_of(exchange),
            "stats": lambda: stats_of(exchange),
            "log": exchange.evidence.log,
        }
        self._writes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "market": self._set_market,
            "price": self._set_price,
        }

    def answer(self, call: Call) -> Reply:
        """Answer one control call; ``403`` to anybody who is not on this machine."""
        if not _is_loopback(call.address):
            return _json(403, {"error": "the control surface answers to this machine only"})
        name = call.path.removeprefix(CONTROL_PATH).strip("/")
        self._exchange.advance()
        try:
            return self._dispatch(call, name)
        except (ConfigError, KeyError, TypeError, ValueError, InvalidOperation) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})

    def _dispatch(self, call: Call, name: str) -> Reply:
        if call.verb == "GET" and name in self._reads:
            return _json(200, self._reads[name]())
        if call.verb == "POST" and name in self._writes:
            document = json.loads(call.body or b"{}")
            if not isinstance(document, dict):
                raise TypeError("send a JSON object")
            return _json(200, self._writes[name](document))
        known = {"GET": sorted(self._reads), "POST": sorted(self._writes)}
        return _json(404, {"error": "no such control", "known": known})

    def _set_market(self, document: dict[str, Any]) -> dict[str, Any]:
        self._exchange.set_market_state(str(document["state"]))
        return {"state": self._exchange.market_state}

    def _set_price(self, document: dict[str, Any]) -> dict[str, Any]:
        market = self._exchange.market(find_pair(str(document["pair"])))
        price = Decimal(str(document["price"])).quantize(market.pair.tick)
        if price <= market.pair.tick:
            raise ValueError("price: must be above one tick")
        self._exchange.flow.set_price(market, price)
        return {"pair": market.pair.symbol, "last": str(market.last)}


def accounts_of(exchange: Exchange) -> dict[str, Any]:
    """Return every account's name, key and secret. The secrets are the simulator's own inventions."""
    rows = [{"name": key.name, "key": key.key, "secret": key.secret} for key in exchange.keys.values()]
    return {"accounts": rows}


def stats_of(exchange: Exchange) -> dict[str, Any]:
    """Return the figures of every key and their totals, and what every account ordered and traded."""
    figures = exchange.evidence.stats(list(exchange.keys.values()))
    books = {account.name: _books_of(account) for account in exchange.accounts}
    return figures | {"accounts": books, "crashes": list(exchange.evidence.crashes)}


def _books_of(account: Account) -> dict[str, Any]:
    traded: dict[str, dict[str, Decimal]] = {}
    for trade in account.trades:
        ticket = trade.order.ticket
        sides = traded.setdefault(ticket.pair.key, {"buy": Decimal(0), "sell": Decimal(0)})
        sides[ticket.side] += trade.volume
    volumes = {pair: {side: f"{volume:f}" for side, volume in sides.items()} for pair, sides in traded.items()}
    return {"orders": len(account.orders), "fills": len(account.trades), "traded": volumes}


def _json(status: int, value: Any) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
