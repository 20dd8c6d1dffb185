"""``krakenonce why KEY``: why nonces of a key were refused, from what its processes left in the store."""

from __future__ import annotations

import argparse
import os
import re

from krakenonce.clock import SystemClock
from krakenonce.doctor.grants import granted
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import KRAKEN_URL, STORE_VARIABLE
from krakenonce.kraken.credentials import fingerprint
from krakenonce.nonce import UNITS
from krakenonce.refusals.events import Event, read_events
from krakenonce.refusals.story import tell
from krakenonce.stores import Store, open_store
from krakenonce.stores.file.survey import survey

NO_UNIT = "none"
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("key", metavar="KEY", help="the key's fingerprint (16 hex digits), or MASTER or USER:<name>")
    standard = os.environ.get(STORE_VARIABLE, "")
    parser.add_argument(
        "--store", default=standard, metavar="URL", help=f"the store (default: the environment's {STORE_VARIABLE})"
    )
    parser.add_argument("--base-url", default=KRAKEN_URL, metavar="URL", help="the exchange (default: %(default)s)")
    parser.add_argument(
        "--allow-unit",
        metavar="UNIT",
        choices=[unit.name for unit in UNITS] + [NO_UNIT],
        help="let the key's nonces be raised to this unit, which can't be undone at Kraken, if they are too low for it "
        f"otherwise: {', '.join(unit.name for unit in UNITS)}; {NO_UNIT} takes that back",
    )
    parser.add_argument("--lift", action="store_true", help="end the key's quarantine now: what was wrong is mended")


def run(args: argparse.Namespace) -> int:
    """Print the story of every lane that KEY names and return 0; 1 if there is none.

    Raises:
        ConfigError: the store is in a process's memory, or the key must be named by its fingerprint.
        StoreUnavailable: the store can't be read.
    """
    _check_store(args.store)
    names = _names(args)
    clock = SystemClock()
    store = open_store(args.store, clock)
    try:
        found = {name: _events(store, name) for name in names}
        chosen = {name: events for name, events in found.items() if is_meant(args.key, name, events)}
        for name, events in chosen.items():
            print(tell(_title(name, events), events, clock.wall_ns()))
            if args.lift:
                _lift(store, name, clock.wall_ns())
            if args.allow_unit:
                _allow(store, name, clock.wall_ns(), args.allow_unit)
    finally:
        store.close()
    if not chosen:
        print(f"nothing about {args.key!r} in this store: an account is known by name once a call of it was refused")
    return int(not chosen)


def _names(args: argparse.Namespace) -> list[str]:
    """Return the lanes to look at: all of a host's, or the one of an engine's that the fingerprint names."""
    if args.store.startswith("file:"):
        return [lane.key for lane in survey(args.store).lanes]
    if not _FINGERPRINT.fullmatch(args.key):
        raise ConfigError("KEY", "no fingerprint", "An engine knows keys by 16 hex digits only; the log shows them.")
    return [f"{fingerprint(args.base_url.rstrip('/'))}:{args.key}"]


def is_meant(wanted: str, name: str, events: list[Event]) -> bool:
    """Return True if *wanted* is the fingerprint in a lane's *name*, or the account that its *events* name."""
    return wanted in (name, name.rpartition(":")[2]) or any(event.account == wanted for event in events)


def _check_store(url: str) -> None:
    scheme = url.partition(":")[0]
    if scheme in ("", "memory"):
        mend = (
            "With memory:// the story ends with the process (there: lane.watch.recorder, and the log). Give the "
            f"processes a file store, {STORE_VARIABLE}=file:///var/lib/krakenonce, and name it here."
        )
        raise ConfigError("--store", f"{scheme or 'nothing'!r}", mend)


def _events(store: Store, name: str) -> list[Event]:
    if store.survives_fork:
        return read_events(store.remembered(name))
    with granted(store, name):  # an engine's store learns what others remembered when it is granted the key
        return read_events(store.remembered(name))


def _title(name: str, events: list[Event]) -> str:
    accounts = sorted({event.account for event in events if event.account})
    fingerprint = name.rpartition(":")[2]
    return f"{fingerprint} ({', '.join(accounts)})" if accounts else fingerprint


def _lift(store: Store, name: str, now_ns: int) -> None:
    store.remember(name, Event("lifted", now_ns, os.getpid(), text="by krakenonce why --lift").line())
    print("quarantine lifted; the budget of refused nonces stays as it is")


def _allow(store: Store, name: str, now_ns: int, unit: str) -> None:
    chosen = "" if unit == NO_UNIT else unit
    text = f"up to {unit}, by krakenonce why --allow-unit" if chosen else "none, by krakenonce why --allow-unit"
    store.remember(name, Event("allowed", now_ns, os.getpid(), cause=chosen, text=text).line())
    print(f"unit of {name.rpartition(':')[2]}: {text}; processes that run know it with their next turn")
