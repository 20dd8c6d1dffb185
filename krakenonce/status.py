"""``krakenonce status``: lanes, floors, holders, waiters and refusals of a shared store, without disturbing them."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from krakenonce.clock import SystemClock, rfc3339
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import STORE_VARIABLE
from krakenonce.refusals.events import Event, read_events
from krakenonce.stores.file.survey import LaneView, StoreView
from krakenonce.stores.leases.view import LeasedLane, LeaseView
from krakenonce.stores.opening import STORES

HEADINGS = ("LANE (exchange:key)", "FLOOR", "HOLDER", "FOR", "WAITING", "REFUSED", "LAST REFUSAL")
LEASE_HEADINGS = ("LANE (exchange:key)", "FLOOR", "SESSION", "ENDS IN", "WAITING", "REFUSED", "LAST REFUSAL")


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
        ConfigError: no store was named, or one that no other process can see.
        StoreUnavailable: the store can't be read.
    """
    view = look(options.store)
    if isinstance(view, StoreView):
        print(as_json(view) if options.json else as_table(view))
    else:
        print(leases_as_json(view) if options.json else leases_as_table(view))
    return 0


def look(url: str) -> StoreView | LeaseView:
    """Return what the store at *url* holds now: read, and nothing else."""
    scheme = urlsplit(url).scheme
    if scheme not in STORES or scheme == "memory":
        raise ConfigError(
            "--store",
            f"{scheme or 'nothing'!r}",
            f"Name a shared store, such as file:///path, or set {STORE_VARIABLE}. Memory is seen by its process alone.",
        )
    package = STORES[scheme].partition(":")[0]
    view: StoreView | LeaseView = importlib.import_module(f"{package}.survey").survey(url)
    return view


def as_json(view: StoreView) -> str:
    """Return *view* as JSON; numbers of 19 digits as text, which JSON's readers would round."""
    lanes = [lane._asdict() | {"floor": str(lane.floor)} for lane in view.lanes]
    return json.dumps(view._asdict() | {"mark": str(view.mark), "ready": str(view.ready), "lanes": lanes}, indent=2)


def as_table(view: StoreView) -> str:
    """Return *view* as text for people."""
    mark = rfc3339(view.mark) if view.mark else "none yet"
    head = f"{len(view.lanes)} lanes, high-water mark {mark}, {view.syncs} syncs"
    held = f", {view.clock_steps_held} forward clock steps not followed" if view.clock_steps_held else ""
    return "\n".join([head + held, *_columns(HEADINGS, list(map(_row, view.lanes)))])


def leases_as_json(view: LeaseView) -> str:
    """Return *view* as JSON; numbers of 19 digits as text. Events are left to `krakenonce why`."""
    lanes = []
    for lane in view.lanes:
        refused = _refusals(lane)
        row = lane._asdict() | {"floor": str(lane.floor), "until_ns": str(lane.until_ns), "refusals": len(refused)}
        del row["events"]
        lanes.append(row | {"refused_at_ns": str(refused[-1].at_ns if refused else 0)})
    return json.dumps(view._asdict() | {"now_ns": str(view.now_ns), "lanes": lanes}, indent=2)


def leases_as_table(view: LeaseView) -> str:
    """Return *view* as text for people."""
    more = " (the first of more)" if view.is_cut else ""
    head = f"{len(view.lanes)} lanes{more} on {view.engine}, whose clock shows {rfc3339(view.now_ns)}"
    return "\n".join([head, *_columns(LEASE_HEADINGS, [_leased_row(lane, view.now_ns) for lane in view.lanes])])


def _columns(headings: Sequence[str], rows: list[tuple[str, ...]]) -> list[str]:
    table = [tuple(headings), *rows] if rows else []
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))] if table else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


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


def _leased_row(lane: LeasedLane, now_ns: int) -> tuple[str, ...]:
    refused = _refusals(lane)
    return (
        lane.key,
        str(lane.floor),
        lane.holder[:12] or "-",
        f"{(lane.until_ns - now_ns) / 1e9:.1f} s" if lane.holder else "-",
        str(lane.waiting),
        f"{len(refused)}",
        rfc3339(refused[-1].at_ns) if refused else "-",
    )


def _refusals(lane: LeasedLane) -> list[Event]:
    """Return the refusals that the engine still remembers: the last events of a key are kept, not all."""
    return [event for event in read_events(lane.events) if event.kind == "refused"]
