"""``krakenonce status``: lanes, floors, holders, waiters and refusals of a host's store, without disturbing them."""

from __future__ import annotations

import argparse
import json
import os

from krakenonce.clock import SystemClock, rfc3339
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import STORE_VARIABLE
from krakenonce.stores.file.survey import LaneView, StoreView, survey

HEADINGS = ("LANE (exchange:key)", "FLOOR", "HOLDER", "FOR", "WAITING", "REFUSED", "LAST REFUSAL")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to *parser*."""
    standard = os.environ.get(STORE_VARIABLE, "")
    parser.add_argument(
        "--store", default=standard, metavar="URL", help=f"the store (default: the environment's {STORE_VARIABLE})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(options: argparse.Namespace) -> int:
    """Print the state of the store and return 0.

    Raises:
        ConfigError: no store was named, or one whose state lies elsewhere.
        StoreUnavailable: the store can't be read.
    """
    if not options.store.startswith("file:"):
        raise ConfigError(
            "--store",
            f"{options.store.partition(':')[0] or 'nothing'!r}",
            f"Name a file store, file:///path, or set {STORE_VARIABLE}. Others keep their state in their engine.",
        )
    view = survey(options.store)
    print(as_json(view) if options.json else as_table(view))
    return 0


def as_json(view: StoreView) -> str:
    """Return *view* as JSON; numbers of 19 digits as text, which JSON's readers would round."""
    lanes = [lane._asdict() | {"floor": str(lane.floor)} for lane in view.lanes]
    return json.dumps(view._asdict() | {"mark": str(view.mark), "ready": str(view.ready), "lanes": lanes}, indent=2)


def as_table(view: StoreView) -> str:
    """Return *view* as text for people."""
    rows = [HEADINGS, *map(_row, view.lanes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    mark = rfc3339(view.mark) if view.mark else "none yet"
    head = f"{len(view.lanes)} lanes, high-water mark {mark}, {view.syncs} syncs"
    held = f", {view.clock_steps_held} forward clock steps not followed" if view.clock_steps_held else ""
    return "\n".join([head + held, *(table if view.lanes else [])])


def _row(lane: LaneView) -> tuple[str, ...]:
    age = f"{(SystemClock.boot_ns() - lane.since_boot_ns) / 1e9:.1f} s" if lane.holder else "-"
    return (
        lane.key,
        str(lane.floor),
        f"pid {lane.holder}" if lane.holder else "-",
        age,
        "?" if lane.waiting is None else str(lane.waiting),
        str(lane.refusals),
        rfc3339(lane.refused_at_ns) if lane.refusals else "-",
    )
