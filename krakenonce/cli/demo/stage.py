"""The demonstration from the first line to the last."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence

from krakenonce.broker import Order
from krakenonce.cli.demo.cast import Cast, User, connected
from krakenonce.cli.demo.exchange import SimulatorProcess
from krakenonce.cli.demo.findings import Findings, findings
from krakenonce.cli.demo.play import Copying, copying
from krakenonce.cli.demo.script import MARKETS, master_orders
from krakenonce.cli.demo.show import print_table, progress
from krakenonce.cli.demo.verdict import comparison, is_good, verdict
from krakenonce.errors import ConfigError


async def play(args: argparse.Namespace) -> int:
    """Run the demonstration that the command line describes; return the exit status."""
    if args.naive and args.hang:
        raise ConfigError("--hang", "given together with --naive", "Show one thing at a time.")
    print(f"Starting a simulated Kraken, {args.latency_ms:g} ms ± {args.jitter_ms:g} ms away.")
    async with SimulatorProcess(_simulator_options(args)) as exchange:
        async with connected(exchange, hung=args.hang, naive=args.naive) as cast:
            logging.getLogger("krakenonce").setLevel(logging.ERROR)
            async with copying(cast, await cast.master.prices(MARKETS)) as engine:
                results = [await _act(args, cast, engine, cast.healthy, "order")]
                if args.hang:
                    await asyncio.gather(*(exchange.hang_next_order(user.name) for user in cast.users if user.hangs))
                    results.append(await _act(args, cast, engine, cast.users, "order, with a hung account,"))
    return _conclude(results, args)


async def _act(args: argparse.Namespace, cast: Cast, engine: Copying, users: Sequence[User], title: str) -> Findings:
    prices = await cast.master.prices(MARKETS)
    orders: list[Order] = list(master_orders(args.seed, args.orders, prices, cast.rules))
    with progress(len(orders), title) as tell:
        act = await engine.perform(users, orders, tell)
    return findings(act, cast.rules, prices)


def _conclude(results: Sequence[Findings], args: argparse.Namespace) -> int:
    last = results[-1]
    print_table(last)
    for line in last.wrong[:10]:
        print(line)
    if args.hang:
        print(comparison(results[0], last, args.users))
    print(verdict(last, naive=args.naive))
    return 0 if all(map(is_good, results)) else 1


def _simulator_options(args: argparse.Namespace) -> list[str]:
    options = {
        "--accounts": 1 + args.users + args.hang,
        "--latency-ms": args.latency_ms,
        "--jitter-ms": min(args.jitter_ms, args.latency_ms),
        "--seed": args.seed,
        "--tier": "none",
    }
    return [word for name, value in options.items() for word in (name, str(value))]
