"""What surrounds the keys: exchange, clock, store, versions. Pure but for the store's own probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, Clock
from krakenonce.doctor.findings import Finding, advice, failed, passed
from krakenonce.doctor.grants import granted
from krakenonce.errors import ConfigError, KrakenonceError, MissingExtra
from krakenonce.kraken.replies import Accepted, Outcome, Refused
from krakenonce.stores import open_store
from krakenonce.stores.base import Store

CLOCK_TOLERANCE_NS = 5 * NS_PER_SECOND
ENGINE_TOLERANCE_NS = NS_PER_SECOND // 2
PROBE_KEY = "krakenonce doctor"

OLDEST: Mapping[str, str] = {
    "aiohttp": "3.10",
    "ccxt": "4.5",
    "krakenex": "2.2",
    "psycopg": "3.2",
    "python-kraken-sdk": "3.3",
    "redis": "5.0",
}
"""The oldest releases that krakenonce is known to work with; those that are not installed don't matter."""


def judge_exchange(status: Outcome) -> Finding:
    """Judge the answer to SystemStatus."""
    if not isinstance(status, Accepted):
        cause = status.error if isinstance(status, Refused) else status.cause
        mend = "See --url, the network, and any proxy or firewall between."
        return failed("exchange", f"it can't be reached: {cause}", mend)
    state = _state(status)
    if state == "online":
        return passed("exchange", "it is online")
    return failed("exchange", f"its state is {state!r:.40}", "Wait until Kraken's status page says online.")


def is_answering(status: Outcome) -> bool:
    """Return whether, by its answer to SystemStatus, the exchange answers other calls as well."""
    return _state(status) not in (None, "maintenance")


def _state(status: Outcome) -> object:
    result = status.result if isinstance(status, Accepted) else None
    return result.get("status") if isinstance(result, Mapping) else None


def judge_clock(offset_ns: int) -> Finding:
    """Judge *offset_ns*, the exchange's clock less ours."""
    if abs(offset_ns) <= CLOCK_TOLERANCE_NS:
        return passed("clock", "within a few seconds of the exchange's")
    direction = "behind" if offset_ns > 0 else "ahead of"
    text = f"this machine's clock is {abs(offset_ns) // NS_PER_SECOND} s {direction} the exchange's"
    return failed("clock", text, "Switch time synchronization on (NTP): deadlines of orders go by it.")


def judge_twins(fingerprints: Mapping[str, str]) -> list[Finding]:
    """Judge whether two of the accounts (fingerprint by account) have the same key."""
    first: dict[str, str] = {}
    findings = []
    for account, mark in fingerprints.items():
        other = first.setdefault(mark, account)
        if other != account:
            mend = "Make a key for each account; one key twice would copy an account to itself."
            findings.append(failed("same key twice", f"it has the key of {other}", mend, account))
    if len(fingerprints) > 1 and not findings:
        findings.append(passed("same key twice", f"{len(fingerprints)} accounts, {len(first)} keys"))
    return findings


def examine_store(url: str, clock: Clock) -> list[Finding]:
    """Open the store, take a grant of a key of its own, and judge what comes of it. Blocks while the store does."""
    try:
        store = open_store(url, clock)
    except KrakenonceError as error:
        return [_store_trouble(error)]
    try:
        with granted(store, PROBE_KEY) as grant:
            offset_ns = grant.offset
        return [passed("store", f"{store.url} grants"), _judge_kind(store), *judge_engine_clock(offset_ns, clock)]
    except KrakenonceError as error:
        return [_store_trouble(error)]
    finally:
        store.close()


def judge_engine_clock(offset_ns: int | None, clock: Clock) -> list[Finding]:
    """Judge the clock of a store's engine by *offset_ns*, its clock less our boot clock; None if it has none."""
    if offset_ns is None:
        return []
    ahead_ns = clock.boot_ns() + offset_ns - clock.wall_ns()
    if abs(ahead_ns) <= ENGINE_TOLERANCE_NS:
        return [passed("engine clock", f"{ahead_ns // NS_PER_MS} ms from this machine's")]
    text = f"the store's engine is {ahead_ns / NS_PER_SECOND:+.1f} s from this machine's clock"
    return [failed("engine clock", text, "Switch time synchronization on (NTP) on both machines.")]


def judge_versions(installed: Callable[[str], str | None]) -> Finding:
    """Judge the releases of the packages that krakenonce works with."""
    found = {name: installed(name) for name in OLDEST}
    old = [f"{name} {have}" for name, have in found.items() if have and _numbers(have) < _numbers(OLDEST[name])]
    if not old:
        listed = ", ".join(f"{name} {have}" for name, have in found.items() if have)
        return passed("versions", listed or "nothing but Python is used")
    newer = " ".join(f"'{name.split()[0]}>={OLDEST[name.split()[0]]}'" for name in old)
    return failed("versions", f"too old: {', '.join(old)}", f"pip install --upgrade {newer}")


def installed_version(name: str) -> str | None:
    """Return the release of the installed package *name*, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _judge_kind(store: Store) -> Finding:
    scheme = store.url.partition(":")[0]
    if scheme != "memory":
        where = "this host" if scheme == "file" else "all hosts that use it"
        return passed("store durability", f"floors survive a crash, for all processes of {where}")
    text = "memory: order is kept inside one process, and its floors end with it"
    mend = "For several processes on a key use --store file:///path, for several hosts redis:// or postgresql://."
    return advice("store durability", text, mend)


def _store_trouble(error: KrakenonceError) -> Finding:
    if isinstance(error, ConfigError | MissingExtra):
        mend = error.mend if isinstance(error, ConfigError) else "Install the extra that it names."
        name = "store durability" if "forget" in str(error) or "durab" in str(error) else "store"
        return failed(name, f"{error.field}: {error.shape}" if isinstance(error, ConfigError) else str(error), mend)
    return failed("store", str(error), "Start it, and see its address and password in --store.")


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".")[:2] if part.isdigit())
