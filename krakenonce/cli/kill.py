"""``krakenonce kill``: no order of anybody leaves any more, from this moment on, until it is re-armed by hand."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from krakenonce.cli.users import switch
from krakenonce.copytrader.journal.records import EVERYBODY

EPILOG = """\
It holds over restarts. Copied coins stay where they are. To copy again: krakenonce users rearm --all --config FILE"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the configuration")
    parser.add_argument("--reason", default="by hand", metavar="TEXT", help="is kept, and told (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Stop everything and return 0.

    Raises:
        KrakenonceError: copier or journal are not to be had.
    """
    for line in asyncio.run(switch(args.config, EVERYBODY, "kill", args.reason)):
        print(line)
    return 0
