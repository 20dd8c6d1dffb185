"""The command line of ``krakenonce sim``: its options, and the settings they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import TIERS
from krakenonce.kraken.pairs import find_pair
from krakenonce.simulator.faults import Fault, parse_fault
from krakenonce.simulator.prices import read_trades
from krakenonce.simulator.settings import Settings, settings_from

if TYPE_CHECKING:
    from krakenonce.simulator.prices import PricePath

DEFAULT_TIER = "none"
DEFAULT_PORT = 8787

DESCRIPTION = """\
Kraken's Spot exchange on this machine, over REST and WebSocket v2: keys, nonces, rate limits, orders, fees, balances.
Point any Kraken client at the URL it prints. It talks to nobody, and listens on 127.0.0.1 unless told otherwise."""

EPILOG = """\
examples:
  krakenonce sim                                       six accounts, each with 100,000 USD and coins
  krakenonce sim --accounts 101 --latency-ms 20 --jitter-ms 15
  krakenonce sim --tier pro --seed 7 --json            Kraken's rate limits, always the same keys, machine-readable
  krakenonce sim --fault http,status=502,phase=after,rate=0.1,endpoint=AddOrder --fault hang,ms=30000,account=USER:3

faults: kind, then any of rate= phase=before|after endpoint= account= ms= status= error= times=
  delay, hold (until POST /_control/release {}), drop, reset, http (an HTML page), error (an error string), slow, hang,
  stale (reads lag behind),
  ws-disconnect, ws-drop, ws-twice, ws-delay (endpoint is a channel); phase=after: the call was executed all the same

while it runs (from this machine only):
  GET  /_control/accounts | stats | log | audit        who there is, what was accepted and refused, every request
  POST /_control/faults {"kind": "drop", "rate": 0.1}  one more; {"faults": []} ends them all
  POST /_control/price  {"pair": "BTC/USD", "price": "51000"}
  POST /_control/market {"state": "post_only"}
  POST /_control/clock  {"error_ms": -5000}            the exchange's clock goes wrong
  POST /_control/keys   {"name": "USER:1", "permissions": ["query-funds"]}

when it ends, it checks its books: exit status 1 if money was made or lost. All settings: docs/reference/simulator.md"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to *parser*, and its help texts."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--port", type=int, default=DEFAULT_PORT, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)")
    add("--accounts", type=int, default=6, metavar="N", help="accounts: MASTER and N-1 users (default: %(default)s)")
    add("--seed", type=int, default=1, help="decides keys, ids, prices, delays and faults (default: %(default)s)")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add("--keys", type=FilePath, metavar="FOLDER", help="write each account's key into a file of its own")
    _add_network_arguments(parser.add_argument_group("network and nonces"))
    _add_rule_arguments(parser.add_argument_group("rules"))
    _add_market_arguments(parser.add_argument_group("money and prices"))
    _add_fault_arguments(parser.add_argument_group("faults and evidence"))


def _add_network_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--latency-ms", type=float, default=0, metavar="MS", help="every request travels this long (default: 0)")
    add(
        "--jitter-ms",
        type=float,
        default=0,
        metavar="MS",
        help="... give or take this, so requests overtake each other",
    )
    add("--nonce-window", type=int, default=0, metavar="W", help="nonce window of every key (default: 0, as Kraken's)")


def _add_rule_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--tier",
        choices=["none", *TIERS],
        default=DEFAULT_TIER,
        help="enforce the rate limits of this tier (default: %(default)s)",
    )
    add("--market", default="online", metavar="STATE", help="online, post_only, cancel_only, limit_only or maintenance")
    add(
        "--lockout-after", type=int, default=0, metavar="K", help="lock out after K bad calls in a row (default: never)"
    )
    add(
        "--lockout-scope",
        choices=["key", "ip"],
        default="key",
        help="... the key or the address (default: %(default)s)",
    )
    add("--lockout-s", type=float, default=900, metavar="S", help="... for so long (default: %(default)s)")
    add("--throttle", type=int, default=0, metavar="N", help="most calls of a key in flight (default: any number)")
    add("--margin", action="store_true", help="put leverage on offer")
    add("--fees", choices=["2026", "2025"], default="2026", help="fee schedule (default: %(default)s)")


def _add_market_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--funding-usd", type=_decimal, default=Decimal(100_000), metavar="USD", help="money on each account")
    add("--prices", type=_csv, action="append", default=[], metavar="PAIR=FILE", help="CSV of unix time,price,volume")
    add("--pace", type=float, default=1, metavar="X", help="how much faster than real time prices run (default: 1)")
    add("--volatility", type=float, default=0.01, metavar="X", help="hourly price movement; 0 holds prices still")


def _add_fault_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="FAULT",
        help="something that goes wrong; repeatable",
    )
    add("--clock-error-ms", type=float, default=0, metavar="MS", help="how wrong the exchange's clock is")
    add("--virtual-step-ms", type=int, default=0, metavar="MS", help="no real time: each request moves it on by this")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting, such as token_s=60; repeatable",
    )
    add("--log-file", type=FilePath, metavar="FILE", help="write every request to FILE, one JSON object a line")


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _csv(text: str) -> tuple[str, FilePath]:
    name, separator, file = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("write PAIR=FILE, such as BTC/USD=trades.csv")
    return name, FilePath(file)


def paths_of(options: argparse.Namespace) -> dict[str, PricePath]:
    """Return the price paths that the command line names, by pair key."""
    pairs = {find_pair(name): file for name, file in options.prices}
    return {pair.key: read_trades(file, pair) for pair, file in pairs.items()}


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that the command line describes; ``--set`` has the last word.

    Raises:
        ConfigError: an unknown name or an impossible value.
    """
    names = [field.name for field in fields(Settings)]
    given = {name: value for name, value in vars(options).items() if name in names}
    return settings_from(given | {"faults": tuple(options.fault)} | dict(map(_switch, options.set)))


def _switch(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    kinds = {field.name: str(field.type) for field in fields(Settings)}
    if not separator or name not in kinds:
        raise ConfigError("--set", f"{text!r}", "Write NAME=VALUE with the name of a setting, see docs/reference.")
    try:
        return name, _READERS[kinds[name].partition(" ")[0]](value)
    except (KeyError, ValueError, InvalidOperation):
        raise ConfigError(f"--set {name}", f"{value!r}", f"Give it as {kinds[name]}.") from None


_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "Decimal": Decimal,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
}
