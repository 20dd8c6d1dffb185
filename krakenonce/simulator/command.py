"""``krakenonce sim``: the simulated exchange on a port, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import TIERS
from krakenonce.simulator.settings import Settings

if TYPE_CHECKING:
    from krakenonce.simulator.server import SimulatedKraken

DEFAULT_TIER = "pro"
DEFAULT_PORT = 8787

DESCRIPTION = """\
Kraken's Spot exchange on this machine: REST with keys, signatures, nonces, rate limits, orders, fees and balances.
Point any Kraken client at the URL it prints. It talks to nobody, and listens on 127.0.0.1 unless told otherwise."""

EPILOG = """\
examples:
  krakenonce sim                                       six accounts, each with 100,000 USD and coins
  krakenonce sim --accounts 101 --latency-ms 20 --jitter-ms 15
  krakenonce sim --tier none --seed 7 --json           no rate limits, always the same keys, machine-readable

while it runs (from this machine only):
  GET  /_control/accounts | stats | log                who there is, what was accepted and refused, every request
  POST /_control/price  {"pair": "BTC/USD", "price": "51000"}
  POST /_control/market {"state": "post_only"}"""


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
    _add_network_arguments(parser.add_argument_group("network and nonces"))
    _add_rule_arguments(parser.add_argument_group("rules"))
    _add_market_arguments(parser.add_argument_group("money and prices"))


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
        help="rate limits (default: %(default)s; none: no limits)",
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
    add("--fees", choices=["2026", "2025"], default="2026", help="fee schedule (default: %(default)s)")


def _add_market_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--funding-usd", type=_decimal, default=Decimal(100_000), metavar="USD", help="money on each account")
    add("--volatility", type=float, default=0.01, metavar="X", help="hourly price movement; 0 holds prices still")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings that the command line describes."""
    names = (
        "accounts",
        "seed",
        "latency_ms",
        "jitter_ms",
        "nonce_window",
        "tier",
        "market",
        "lockout_after",
        "lockout_scope",
        "fees",
        "funding_usd",
        "volatility",
    )
    return Settings(**{name: getattr(options, name) for name in names})


def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status: 0, or 2 if the options or the port won't do."""
    from krakenonce.simulator.server import SimulatedKraken

    try:
        sim = SimulatedKraken(host=options.host, port=options.port, settings=settings_of(options))
        asyncio.run(_serve(sim, as_json=options.json))
    except (ConfigError, OSError) as error:
        _say(f"krakenonce sim: {error}", error=True)
        return 2
    return 0


async def _serve(sim: SimulatedKraken, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with sim:
        _say(_as_json(sim) if as_json else _as_table(sim))
        await stopped.wait()


def _as_json(sim: SimulatedKraken) -> str:
    return json.dumps({"accounts": sim.credentials(), "url": sim.url})


def _as_table(sim: SimulatedKraken) -> str:
    rows = [(row["name"], row["key"], row["secret"]) for row in sim.credentials()]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{name:<{width}}  {key:<56}  {secret}" for name, key, secret in [("NAME", "KEY", "SECRET"), *rows]]
    reach = "this machine only" if sim.host in ("127.0.0.1", "::1", "localhost") else "every machine that reaches it"
    head = f"Simulated Kraken on {sim.url} (listening on {sim.host}: {reach}). Stop it with Ctrl-C."
    return "\n".join([*lines, "", head])


def _say(text: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()
