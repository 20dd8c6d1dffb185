"""``krakenonce report``: what copying came to, as a table, as CSV, as a page with plots. Reads only."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from krakenonce.clock import NS_PER_SECOND, SystemClock, parse_rfc3339
from krakenonce.copytrader.config import load_settings
from krakenonce.copytrader.journal import open_copy_journal
from krakenonce.copytrader.report import Report, as_csv, as_html, read_report
from krakenonce.copytrader.report.text import Table, headline, receipt_table, reconciled_table, skip_table, user_table
from krakenonce.errors import ConfigError

JOURNAL_VARIABLE = "KRAKENONCE_JOURNAL"
_AGO = re.compile(r"(\d{1,6})(min|h|d)")
_SECONDS = {"min": 60, "h": 3600, "d": 86_400}

EPILOG = """\
examples:
  krakenonce report --config copy.toml
  krakenonce report --journal copy-dry.db --user alice --since 24h --receipts 50
  krakenonce report --config copy.toml --html report.html --csv receipts.csv

exit status: 0; 2 if there is no such journal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--config", metavar="FILE", help="the configuration whose journal to read")
    place.add_argument("--journal", metavar="PLACE", help=f"a file or URL (default: what {JOURNAL_VARIABLE} holds)")
    parser.add_argument("--user", metavar="NAME", help="one user only")
    parser.add_argument("--since", metavar="WHEN", default="", help="such as 2026-11-23, 24h, 7d (default: everything)")
    parser.add_argument("--csv", metavar="FILE", help="write every receipt into this file")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots into this file")
    parser.add_argument("--receipts", metavar="N", type=int, default=0, help="also print the newest N receipts")


def run(args: argparse.Namespace) -> int:
    """Print the report, write the files that were asked for, and return 0.

    Raises:
        ConfigError: there is no such journal, or an argument makes no sense.
        StoreUnavailable: the journal cannot be read.
    """
    since_ns = _since(args.since, SystemClock().wall_ns())
    report = asyncio.run(_read(_journal(args), args.user, since_ns))
    print(headline(report))
    for table in (user_table(report), skip_table(report), reconciled_table(report)):
        print_table(table)
    if args.receipts > 0:
        print_table(receipt_table(report, report.receipts[-args.receipts :]))
    if args.csv:
        _write(Path(args.csv), as_csv(report.receipts))
    if args.html:
        _write(Path(args.html), as_html(report))
    return 0


def print_table(table: Table) -> None:
    """Print *table*, with rich if it is installed."""
    if not table.rows:
        return
    print(f"\n{table.name}")
    if importlib.util.find_spec("rich") is not None:
        _print_rich(table)
        return
    widths = [max(map(len, column)) for column in zip(table.titles, *table.rows, strict=True)]
    for row in (table.titles, *table.rows):
        cells = zip(row, widths, strict=True)
        print("  ".join(f"{c:<{w}}" if p < table.left else f"{c:>{w}}" for p, (c, w) in enumerate(cells)).rstrip())


def _print_rich(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for place, title in enumerate(table.titles):
        is_text = place < table.left or title in ("standing", "path")
        shown.add_column(title, justify="left" if is_text else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell) for cell in row), style="bold" if row[0] == "all" else "")
    console = Console()
    Console(width=console.width if console.is_terminal else 220).print(shown)


async def _read(url: str, user: str | None, since_ns: int) -> Report:
    journal = open_copy_journal(url)
    try:
        return await read_report(journal, user=None if user is None else account_of(user), since_ns=since_ns)
    finally:
        await journal.close()


def account_of(user: str) -> str:
    """Return the account's name of *user*: ``alice`` and ``USER:alice`` are the same."""
    return user if user.startswith("USER:") else f"USER:{user}"


def _journal(args: argparse.Namespace) -> str:
    place = args.journal or os.environ.get(JOURNAL_VARIABLE, "")
    url = load_settings(args.config).journal if args.config else place
    if not url:
        raise ConfigError("journal", "none named", f"Give --config FILE or --journal PLACE, or set {JOURNAL_VARIABLE}.")
    if not args.config and args.journal and urlsplit(url).password:
        mend = (
            f"Everybody on this machine can read a command: put the address into {JOURNAL_VARIABLE}, or use --config."
        )
        raise ConfigError("journal", "an address with a password in it", mend)
    url = url if "://" in url else f"sqlite://{Path(url).expanduser().absolute()}"
    path = urlsplit(url).path
    if url.startswith("sqlite:") and not Path(path).exists():
        raise ConfigError("journal", f"a file that is not there ({Path(path).name})", "Check its name and folder.")
    return url


def _since(text: str, now_ns: int) -> int:
    if not text:
        return 0
    if ago := _AGO.fullmatch(text):
        return now_ns - int(ago[1]) * _SECONDS[ago[2]] * NS_PER_SECOND
    try:
        return parse_rfc3339(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError:
        mend = "Write 2026-11-23, 2026-11-23T12:00:00Z, 90min, 24h or 7d."
        raise ConfigError("since", f"text of {len(text)} characters", mend) from None


def _write(path: Path, text: str) -> None:
    try:
        path.expanduser().write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(str(path), f"a file that can't be written ({error.strerror})", "Check its folder.") from None
    print(f"written: {path}")
