"""``krakenonce reconcile``: target against journal against exchange, to the lot, with a copier that runs or without."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from krakenonce.cli.report import print_table
from krakenonce.cli.users import ask_copier, known_user
from krakenonce.clock import SystemClock
from krakenonce.copytrader.config import load_settings
from krakenonce.copytrader.journal.records import EVERYBODY
from krakenonce.copytrader.report import words
from krakenonce.copytrader.report.text import Table
from krakenonce.errors import ConfigError

EPILOG = """\
examples:
  krakenonce reconcile --config copy.toml
  krakenonce reconcile --config copy.toml --user alice --mend

A copier that runs is asked; without one the journal is read, and the exchange asked for balances. No order is sent by
that: what is missing is bought or sold by a copier only, as each user's policy says. --mend takes copied coins that are
not in the account any more off the books, and has a copier that runs try again at once what waits.

exit status: 0 if all positions are on target; 1 if any is adrift, or its account can't be looked at; 2 if the journal
or the exchange is not to be had."""

COLUMNS = ("user", "master", "pair", "wanted", "target", "journal", "exchange", "drift", "on_the_way", "adrift", "step")

Row = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the configuration")
    parser.add_argument("--user", metavar="NAME", help="one user only")
    parser.add_argument("--mend", action="store_true", help="give up copied coins that are gone; try again what waits")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="also write every position into this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print the positions and return 0, or 1 if any is adrift or not known.

    Raises:
        ConfigError: the configuration or an argument is wrong.
        KrakenonceError: copier, journal or exchange are not to be had.
    """
    rows, absent, is_running = asyncio.run(_found(args))
    if args.json:
        print(json.dumps({"copier_runs": is_running, "positions": rows, "absent": absent}, indent=2))
    else:
        _print(rows, absent, is_running=is_running)
    if args.csv:
        _write(args.csv, rows)
        if not args.json:
            print(f"written: {args.csv}")
    return 1 if absent or any(row["adrift"] for row in rows) else 0


async def _found(args: argparse.Namespace) -> tuple[list[Row], Mapping[str, str], bool]:
    settings = load_settings(args.config)
    user = EVERYBODY if args.user is None else known_user(settings, args.user)
    answer = await ask_copier(args.config, {"do": "reconcile", "user": user, "mend": args.mend})
    if answer is not None:
        return list(answer.get("stocks", ())), answer.get("absent", {}), True
    from krakenonce.copytrader.service.stocktaking import stocktaking
    from krakenonce.keychain import load_credentials

    users = list(settings.users) if user == EVERYBODY else [user]
    found = await stocktaking(settings, users, load_credentials, SystemClock(), mend=args.mend)
    return list(found.rows), found.absent, False


def _print(rows: Sequence[Row], absent: Mapping[str, str], *, is_running: bool) -> None:
    title = "Positions" if is_running else "Positions (no copier runs)"
    titles = ("user", "master", "pair", "what is done", "target", "by journal", "on exchange", "drift")
    print_table(Table(title, titles, [_cells(row) for row in rows], 4))
    for user, why in absent.items():
        print(f"{user}: not looked at: {why}")
    adrift = sum(bool(row["adrift"]) for row in rows)
    if rows:
        print(f"{len(rows) - adrift} of {len(rows)} positions on target")
    else:
        print("nothing is copied and held")


def _cells(row: Row) -> tuple[str, ...]:
    amounts = (_amount(row[name]) for name in ("target", "journal", "exchange", "drift"))
    return words.bare(row["user"]), row["master"], row["pair"], row["step"], *amounts


def _amount(text: str | None) -> str:
    if text is None:
        return words.NOTHING
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", words.MINUS)


def _write(path: Path, rows: Sequence[Row]) -> None:
    try:
        with path.expanduser().open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ConfigError(str(path), f"a file that can't be written ({error.strerror})", "Check its folder.") from None
