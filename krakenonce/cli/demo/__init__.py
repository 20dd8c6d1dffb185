"""``krakenonce demo``: a simulated Kraken, MASTER and users, real sockets, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator

from krakenonce.cli.arguments import milliseconds, natural, positive

DESCRIPTION = """\
Start a simulated Kraken on this machine, connect MASTER and some users over HTTP and WebSocket, let the master trade,
and copy its fills to every user, while every account also makes other calls with the same key. The table counts orders,
fills, calls and invalid nonces as the exchange counted them; copy latency runs from learning of the master's fill until
the user's order is acknowledged."""

EPILOG = """\
examples:
  krakenonce demo                       five users: a few seconds
  krakenonce demo --naive               the same the way most programs do it: calls are lost
  krakenonce demo --users 100 --hang 1  a hundred users, and one more whose first order is never answered

exit status: 0 if no nonce was refused and no copy is missing, else 1."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--users", type=positive, default=5, metavar="N", help="accounts that copy the master (default: %(default)s)")
    add("--orders", type=positive, default=10, metavar="N", help="orders the master places (default: %(default)s)")
    add("--hang", type=natural, default=0, metavar="N", help="more users, whose first order is never answered")
    add("--naive", action="store_true", help="no lanes: every client counts for itself, sends at once, over HTTP")
    add("--seed", type=natural, default=1, metavar="N", help="decides orders, prices, delays (default: %(default)s)")
    add("--latency-ms", type=milliseconds, default=20, metavar="MS", help="network delay (default: %(default)s)")
    add("--jitter-ms", type=milliseconds, default=15, metavar="MS", help="give or take this (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Play it, print what came of it, and return the exit status."""
    from krakenonce.cli.demo.stage import play

    with _log_lines():
        return asyncio.run(play(args))


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    log = logging.getLogger("krakenonce")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
