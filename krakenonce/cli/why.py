"""``krakenonce why KEY``: why nonces of a key were refused, from what its processes left in the store."""

from __future__ import annotations

import argparse
import os

from krakenonce.clock import SystemClock
from krakenonce.errors import ConfigError
from krakenonce.global_nonce import STORE_VARIABLE
from krakenonce.refusals.events import Event, read_events
from krakenonce.refusals.story import tell
from krakenonce.stores import Store, open_store
from krakenonce.stores.file.survey import survey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("key", metavar="KEY", help="the key's fingerprint (16 hex digits), or MASTER or USER:<name>")
    standard = os.environ.get(STORE_VARIABLE, "")
    parser.add_argument(
        "--store", default=standard, metavar="URL", help=f"the store (default: the environment's {STORE_VARIABLE})"
    )
    parser.add_argument("--lift", action="store_true", help="end the key's quarantine now: what was wrong is mended")


def run(args: argparse.Namespace) -> int:
    """Print the story of every lane that KEY names and return 0; 1 if there is none.

    Raises:
        ConfigError: the store is in a process's memory, or in an engine.
        StoreUnavailable: the store can't be read.
    """
    _check_store(args.store)
    names = [lane.key for lane in survey(args.store).lanes]
    clock = SystemClock()
    store = open_store(args.store, clock)
    try:
        found = {name: _events(store, name) for name in names}
        chosen = {name: events for name, events in found.items() if is_meant(args.key, name, events)}
        for name, events in chosen.items():
            print(tell(_title(name, events), events, clock.wall_ns()))
            if args.lift:
                _lift(store, name, clock.wall_ns())
    finally:
        store.close()
    if not chosen:
        print(f"nothing about {args.key!r} in {args.store}: an account is known by name once a call of it was refused")
    return int(not chosen)


def is_meant(wanted: str, name: str, events: list[Event]) -> bool:
    """Return True if *wanted* is the fingerprint in a lane's *name*, or the account that its *events* name."""
    return wanted in (name, name.rpartition(":")[2]) or any(event.account == wanted for event in events)


def _check_store(url: str) -> None:
    scheme = url.partition(":")[0]
    if scheme == "file":
        return
    if scheme in ("", "memory"):
        mend = (
            "With memory:// the story ends with the process (there: lane.watch.recorder, and the log). Give the "
            f"processes a file store, {STORE_VARIABLE}=file:///var/lib/krakenonce, and name it here."
        )
        raise ConfigError("--store", f"{scheme or 'nothing'!r}", mend)
    mend = "Engines keep numbers only: look into the log of the process. Name a file store, file:///path."
    raise ConfigError("--store", f"{scheme!r}", mend)


def _events(store: Store, name: str) -> list[Event]:
    return read_events(store.remembered(name))


def _title(name: str, events: list[Event]) -> str:
    accounts = sorted({event.account for event in events if event.account})
    fingerprint = name.rpartition(":")[2]
    return f"{fingerprint} ({', '.join(accounts)})" if accounts else fingerprint


def _lift(store: Store, name: str, now_ns: int) -> None:
    store.remember(name, Event("lifted", now_ns, os.getpid(), text="by krakenonce why --lift").line())
    print("quarantine lifted; the budget of refused nonces stays as it is")
