"""``krakenonce nonce``: numbers from the process's source, one a line. Standard library only."""

from __future__ import annotations

import argparse

from krakenonce.cli.arguments import positive
from krakenonce.global_nonce import get_global_kraken_nonce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-n", type=positive, default=1, metavar="N", help="how many to print (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print the nonces and return 0."""
    for _ in range(args.n):
        print(get_global_kraken_nonce())
    return 0
