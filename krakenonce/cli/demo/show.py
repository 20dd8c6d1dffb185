"""What the person in front of the demonstration sees: progress, a table, a verdict. With rich if it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence

from krakenonce.cli.demo.findings import Findings, Row
from krakenonce.clock import NS_PER_MS

TITLES = ("account", "orders", "fills", "calls", "invalid nonces", "copy p50 ms", "copy p99 ms")
MOST_ROWS = 24
SHOWN_OF_MANY = 10


@contextlib.contextmanager
def progress(steps: int, title: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that is told of each of *steps* steps: a bar on a terminal with rich, else a line each."""
    if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.fields[title]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns) as bar:
            task = bar.add_task("", total=steps, title=title)
            yield lambda text: bar.update(task, advance=1, description=text)
    else:
        done = iter(range(1, steps + 1))
        yield lambda text: print(f"{title} {next(done)}/{steps}: {text}", flush=True)


def print_table(findings: Findings) -> None:
    """Print the accounts: all of them, or of many the master, the slowest, those in trouble, and the sum."""
    chosen = selected(findings.rows)
    cells = [_cells(row) for row in chosen]
    left_out = len(findings.rows) - len(chosen)
    if left_out:
        cells.append((f"({left_out} others)", "", "", "", "", "", ""))
    cells.append(_total(findings))
    if importlib.util.find_spec("rich") is not None:
        _print_rich(cells)
    else:
        _print_plain(cells)


def selected(rows: Sequence[Row]) -> list[Row]:
    """Return the rows worth showing, in their order."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    users = sorted(rows[1:], key=lambda row: (row.invalid_nonces, row.p99_ns or 0), reverse=True)
    keep = {row.account for row in (rows[0], *users[:SHOWN_OF_MANY])}
    return [row for row in rows if row.account in keep]


def milliseconds(ns: int | None) -> str:
    """Return a duration as text in milliseconds, or a dash if there is none."""
    return "-" if ns is None else f"{ns / NS_PER_MS:.1f}"


def _cells(row: Row) -> tuple[str, ...]:
    counts = (row.orders, row.fills, row.calls, row.invalid_nonces)
    return (row.account, *map(str, counts), milliseconds(row.p50_ns), milliseconds(row.p99_ns))


def _total(findings: Findings) -> tuple[str, ...]:
    rows = findings.rows
    counts = (sum(row.orders for row in rows), sum(row.fills for row in rows), findings.calls, findings.invalid_nonces)
    return ("all", *map(str, counts), milliseconds(findings.p50_ns), milliseconds(findings.p99_ns))


def _print_rich(cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*(TITLES[:1]), box=None, header_style="bold", pad_edge=False)
    for title in TITLES[1:]:
        table.add_column(title, justify="right")
    for place, row in enumerate(cells):
        table.add_row(*row, style="bold" if place == len(cells) - 1 else "red" if row[4] not in ("", "0") else "")
    Console(width=max(100, Console().width)).print(table)


def _print_plain(cells: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(TITLES, *cells, strict=True)]
    for row in (TITLES, *cells):
        figures = [f"{text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([f"{row[0]:<{widths[0]}}", *figures]))
