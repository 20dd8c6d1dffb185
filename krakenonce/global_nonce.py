"""The one manager of a process: store, lanes, numbers, statistics. And the quick start's functions."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, Self, TypedDict, cast

from krakenonce.clock import Clock, SystemClock, rfc3339
from krakenonce.errors import UnitTooSmall
from krakenonce.fallback import MILLISECONDS, KrakenNonce, PlainTime, Rung, climb
from krakenonce.kraken.credentials import fingerprint
from krakenonce.lanes import Lane, LaneRegistry, process_registry
from krakenonce.nonce import EARLIEST, UNITS, ClockStatus
from krakenonce.source import NonceSource
from krakenonce.stores import Numbers, NumberSource, Store

log = logging.getLogger("krakenonce")

KRAKEN_URL = "https://api.kraken.com"
STORE_VARIABLE = "KRAKENONCE_STORE"

# Two copies of this module (a second import path, a reload) must share one source of numbers.
_ANCHOR = "_krakenonce_process_source"


class NonceStats(TypedDict):
    """Statistics of a manager.

    Keys:
        total_nonces_issued: how many numbers were issued.
        uptime_seconds: since the manager was made.
        nonces_per_second: the two divided.
        last_nonce: the last number, 0 before the first.
        initialized_at: when the manager was made, RFC 3339.
    """

    total_nonces_issued: int
    uptime_seconds: float
    nonces_per_second: float
    last_nonce: int
    initialized_at: str


class GlobalKrakenNonceManager:
    """Numbers from one source, order per API key, parallel across keys. Safe from any thread and event loop.

    Called without arguments it returns the process's one manager, as often as it is called. With arguments it makes
    one of its own.

    Parameters:
        store: where floors and grants live: a URL or a `Store`. Default: the environment's ``KRAKENONCE_STORE``, else
            ``memory://``.
        clock: where time is read.
        registry: where lanes are found again; default: the one of the process.
        fallback: what may serve if the store can't be opened, in this order: URLs of lesser stores, then
            ``"milliseconds"``, then ``"time"``. Default: nothing; it fails with a clear error.

    Raises:
        ConfigError: the URL or a rung of the fallback is malformed.
        StoreUnavailable: the store can't be opened, and nothing else is allowed or can be.
    """

    _process_manager: GlobalKrakenNonceManager | None = None
    _making = threading.RLock()

    def __new__(cls, *args: Any, **options: Any) -> Self:
        if args or options:
            return super().__new__(cls)
        with cls._making:
            if cls._process_manager is None:
                manager = super().__new__(cls)
                manager._set_up(os.environ.get(STORE_VARIABLE) or "memory://", process_source(), SystemClock())
                cls._process_manager = manager
        return cast("Self", cls._process_manager)

    def __init__(
        self,
        store: str | Store | None = None,
        *,
        clock: Clock | None = None,
        registry: LaneRegistry | None = None,
        fallback: Sequence[str] = (),
    ) -> None:
        if self is GlobalKrakenNonceManager._process_manager:
            return
        own_clock = clock or SystemClock()
        source = process_source() if clock is None else NonceSource(own_clock)
        wanted = store if store is not None else os.environ.get(STORE_VARIABLE) or "memory://"
        self._set_up(wanted, source, own_clock, registry, fallback)
        if self._source is source:
            source.bind()

    def _set_up(
        self,
        store: str | Store,
        source: NonceSource,
        clock: Clock,
        registry: LaneRegistry | None = None,
        fallback: Sequence[str] = (),
    ) -> None:
        self._clock = clock
        self._registry = registry if registry is not None else process_registry()
        self._rung: Rung = climb(store, fallback, clock)
        self._source: NonceSource | Numbers = self._rung.store.numbers or source
        self._api_lock = threading.RLock()
        if self._rung.reason:
            log.warning("fallback to %s, because %s", self._rung.name, self._rung.reason)

    def get_nonce(self) -> int:
        """Return the next number: 19 digits, above every one issued before in this process, for any key.

        With a store that several processes share, above every one that `get_nonce` returned in any of them.

        A number alone does not arrive in order: send inside a turn of `lane`.

        Raises:
            ForkedProcess: this process was forked from the one that made the manager.
            NonceOutOfRange: no number is left below 2**63.
        """
        return self._source.next()

    def lane(self, api_key: str, *, base_url: str = KRAKEN_URL) -> Lane:
        """Return the lane of *api_key*: the same object for the same key and exchange, whoever asks.

        Parameters:
            api_key: the public key. It is not kept; the lane is known by its fingerprint.
            base_url: the exchange's address, for a simulator or a proxy.

        Raises:
            ConfigError: the key is empty, or has a lane on another store.
            UnitTooSmall: only milliseconds are left by the fallback, and the key has seen nanoseconds.
        """
        lane = self._registry.lane(api_key, base_url, self._rung.store, self._numbers, self._clock)
        if self._rung.coarse and lane.floor > UNITS[-1].at(EARLIEST):
            raise UnitTooSmall(
                f"key {fingerprint(api_key)} has seen nanoseconds (19 digits); Kraken would refuse {self._rung.name} "
                "(13 digits) for ever. Bring its store back, or make a new API key"
            )
        return lane

    def get_stats(self) -> NonceStats:
        """Return the statistics of the source of numbers. A snapshot; issues nothing."""
        last, count = self._source.peek()
        wall, boot = self._source.began
        uptime = (self._clock.boot_ns() - boot) / 1e9
        return NonceStats(
            total_nonces_issued=count,
            uptime_seconds=uptime,
            nonces_per_second=count / uptime if uptime else 0.0,
            last_nonce=last,
            initialized_at=rfc3339(wall),
        )

    @property
    def fallback_reason(self) -> str | None:
        """Why a lesser source than the one asked for is used; None if it is the one asked for."""
        return self._rung.reason

    @property
    def precision(self) -> str:
        """What the log calls this source: ``nanosecond precision``, or that and the word fallback with its reason."""
        unit = "millisecond" if self._rung.coarse else "nanosecond"
        reason = f", fallback to {self._rung.name}: {self._rung.reason}" if self._rung.reason else ""
        return f"{unit} precision{reason}"

    @property
    def store(self) -> Store:
        """The store that grants."""
        return self._rung.store

    @property
    def clock(self) -> Clock:
        """Where this manager reads time."""
        return self._clock

    def lanes(self) -> list[Lane]:
        """Return every lane of this manager's registry."""
        return self._registry.lanes()

    def clock_status(self) -> ClockStatus:
        """Return whether a forward step of the wall clock is held, and how far numbers run ahead of it."""
        return self._source.clock_status()

    def confirm_clock(self) -> None:
        """Follow the wall clock as it stands, after a forward step was held. Irreversible for every key used then."""
        self._source.confirm_clock()

    def get_api_lock(self) -> threading.RLock:
        """Return one lock for code that expects one around all calls. See `get_kraken_api_lock`."""
        return self._api_lock

    def _numbers(self) -> NumberSource:
        numbers = self._rung.store.numbers
        if numbers is not None:
            return numbers.for_lanes
        if not self._rung.coarse:
            return self._source
        return KrakenNonce(clock=self._clock) if self._rung.name == MILLISECONDS else PlainTime(self._clock)


def process_source() -> NonceSource:
    """Return the source that every import of krakenonce in this process shares."""
    table = cast("dict[str, object]", sys.__dict__)
    return cast("NonceSource", table.setdefault(_ANCHOR, NonceSource(SystemClock())))


def _shared_number() -> int:
    """Return the next number of the store that the environment names: see `GlobalKrakenNonceManager.get_nonce`."""
    return GlobalKrakenNonceManager().get_nonce()


def _names_other_store(url: str | None) -> bool:
    return bool(url) and not str(url).startswith("memory:")


# Chosen once: in memory the source's own closure serves, which costs half of what a method costs.
get_global_kraken_nonce = (
    _shared_number if _names_other_store(os.environ.get(STORE_VARIABLE)) else process_source().next
)
get_global_kraken_nonce.__name__ = get_global_kraken_nonce.__qualname__ = "get_global_kraken_nonce"


def get_global_nonce_manager() -> GlobalKrakenNonceManager:
    """Return the one manager of this process. Safe from any thread; the same object always."""
    return GlobalKrakenNonceManager()


def get_global_nonce_stats() -> NonceStats:
    """Return the statistics of the process's numbers: see `NonceStats` for the keys."""
    return get_global_nonce_manager().get_stats()


def get_kraken_api_lock() -> threading.RLock:
    """Return one lock for the whole process, for code that expects one around every call.

    Lanes make it unnecessary: they keep each key's calls in order without making the other keys wait. One lock around
    all accounts costs seconds where a hundred independent keys need milliseconds.
    """
    return get_global_nonce_manager().get_api_lock()
