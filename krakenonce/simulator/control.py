"""The control surface under ``/_control/``: for the person who runs the simulator, so for this machine only."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from krakenonce.clock import NS_PER_MS
from krakenonce.errors import ConfigError
from krakenonce.kraken.pairs import find_pair
from krakenonce.simulator.accounting import audit
from krakenonce.simulator.accounts import PERMISSIONS
from krakenonce.simulator.calls import Reply
from krakenonce.simulator.faults import fault_from

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account, ApiKey
    from krakenonce.simulator.calls import Call
    from krakenonce.simulator.exchange import Exchange

CONTROL_PATH = "/_control/"


class Control:
    """Answers control calls: GET reads, POST (with a JSON object) changes. Belongs to the exchange's thread.

    Parameters:
        release: lets go on what the fault ``hold`` keeps, and returns how much that is.
    """

    def __init__(self, exchange: Exchange, release: Callable[[], int] = lambda: 0) -> None:
        self._exchange = exchange
        self._reads: dict[str, Callable[[], Any]] = {
            "accounts": lambda: accounts_of(exchange),
            "stats": lambda: stats_of(exchange),
            "log": exchange.evidence.log,
            "faults": exchange.faults.report,
            "audit": lambda: {"problems": audit(exchange)},
            "settings": lambda: {name: str(value) for name, value in asdict(exchange.settings).items()},
        }
        self._writes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "market": self._set_market,
            "price": self._set_price,
            "faults": self._set_faults,
            "clock": self._set_clock,
            "keys": self._set_key,
            "release": lambda _: {"released": release()},
        }

    @property
    def paths(self) -> list[str]:
        """Every name there is under ``/_control/``."""
        return sorted({*self._reads, *self._writes})

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

    def _set_faults(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Add one fault, or put the list under "faults" in place of those in force."""
        if "faults" in document:
            self._exchange.faults.replace([fault_from(dict(row)) for row in document["faults"]])
        else:
            self._exchange.faults.add(fault_from(document))
        return self._exchange.faults.report()

    def _set_clock(self, document: dict[str, Any]) -> dict[str, Any]:
        """Set how wrong the exchange's clock is, or let time pass on an exchange with virtual time."""
        if "error_ms" in document:
            self._exchange.clock_error_ns = int(float(document["error_ms"]) * NS_PER_MS)
        if "advance_ms" in document:
            self._exchange.pass_time(int(float(document["advance_ms"]) * NS_PER_MS))
        return {"shown_ns": str(self._exchange.shown_ns)}

    def _set_key(self, document: dict[str, Any]) -> dict[str, Any]:
        """Give an account another key, or change what an existing one may do."""
        name = str(document["name"])
        key = next((key for key in self._exchange.keys.values() if key.name == name), None)
        if key is None:
            raise KeyError(name)
        if document.get("add"):
            key = self._exchange.add_key(key.account)
        change_key(key, document)
        return {"name": key.name, "key": key.key, "secret": key.secret, "permissions": sorted(key.permissions)}

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


def change_key(key: ApiKey, document: dict[str, Any]) -> None:
    """Change what *document* names of a key: permissions, enabled, nonce_window."""
    if "permissions" in document:
        permissions = frozenset(document["permissions"])
        if not permissions <= set(PERMISSIONS):
            raise ValueError(f"permissions: use some of {', '.join(PERMISSIONS)}")
        key.permissions = permissions
    key.enabled = bool(document.get("enabled", key.enabled))
    key.nonces.window = int(document.get("nonce_window", key.nonces.window))


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
