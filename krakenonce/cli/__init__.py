"""The command ``krakenonce``. A command's code is imported only when that command is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from krakenonce import __version__
from krakenonce.errors import KrakenonceError

USAGE_ERROR = 2
INTERRUPTED = 130


class Command(NamedTuple):
    """One word after ``krakenonce``; *module* has ``add_arguments(parser)`` and ``run(args) -> int``."""

    name: str
    summary: str
    module: str


COMMANDS = (
    Command("nonce", "print nonces: 19 digits, each above the one before", "krakenonce.cli.nonce"),
    Command("sim", "run a simulated Kraken on this machine", "krakenonce.simulator.command"),
    Command("prove", "prove on this machine that every nonce arrives in order", "krakenonce.proof.command"),
    Command("status", "show who holds and who waits for which key of a store", "krakenonce.status"),
    Command("why", "tell why nonces of a key were refused", "krakenonce.cli.why"),
    Command("doctor", "check keys, clock, exchange and store", "krakenonce.cli.doctor"),
    Command("keys", "keep API keys safe: add, list, check, remove", "krakenonce.cli.keys"),
    Command("run", "copy what a master trades to every user of a configuration", "krakenonce.cli.run"),
    Command("users", "see and steer who is copied: pause, kill, add, remove, rotate", "krakenonce.cli.users"),
    Command("kill", "stop all copying at once, until it is re-armed by hand", "krakenonce.cli.kill"),
    Command(
        "reconcile", "compare what was copied with what is in the accounts, to the lot", "krakenonce.cli.reconcile"
    ),
    Command("report", "tell what copying came to: gains, fees, latencies, every skip", "krakenonce.cli.report"),
    Command("demo", "copy a master's trades to several users on a simulated Kraken", "krakenonce.cli.demo"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 success, 1 the command's own verdict, 2 wrong use or set-up."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
        return int(args.run(args))
    except KrakenonceError as error:
        print(f"krakenonce: {error}", file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:
        # The reader (head, less) has enough. Python would complain once more when it closes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="krakenonce",
        description="One nonce source for every Kraken account, lanes that make its nonces arrive in order, and a copy "
        "trader on top.",
        epilog="'krakenonce COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"krakenonce {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    chosen = next((word for word in words if not word.startswith("-")), None)
    for command in COMMANDS:
        room = commands.add_parser(command.name, help=command.summary, description=f"{command.summary.capitalize()}.")
        if command.name == chosen:
            module = importlib.import_module(command.module)
            module.add_arguments(room)
            room.set_defaults(run=module.run)
    return parser
