"""One set of counters for each key and account of a nonce manager, however many clients there are."""

from __future__ import annotations

import os
import threading
import weakref

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError
from krakenonce.kraken.credentials import fingerprint
from krakenonce.rates.account import AccountRates
from krakenonce.rates.allowance import Limits, engine_allowance
from krakenonce.rates.key import KeyRates
from krakenonce.rates.markets import Markets


class RateRegistry:
    """The counters of one nonce manager's keys, by fingerprint. Safe across threads."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], KeyRates] = {}
        self._accounts: dict[tuple[str, str], AccountRates] = {}
        self._markets: dict[str, Markets] = {}
        self._mutex = threading.RLock()
        _registries.add(self)

    def rates(self, api_key: str, base_url: str, limits: Limits, clock: Clock, account: str = "") -> KeyRates:
        """Return the limits of *api_key* at *base_url*, made at the first call.

        Parameters:
            account: a name for the account, so that several keys of it share its engine counters; none: the key is
                taken to be the account's only one.

        Raises:
            ConfigError: the key was given other limits before.
        """
        url, key = base_url.rstrip("/"), fingerprint(api_key)
        with self._mutex:
            present = self._keys.get((url, key))
            if present is None:
                present = self._make(url, key, limits, clock, account)
                self._keys[url, key] = present
        if present.limits != limits:
            mend = "Give every client of one key the same limits: they share one set of counters."
            raise ConfigError("limits", f"others than those of an earlier client of key {key}", mend)
        return present

    def after_fork_in_child(self) -> None:
        """Renew every lock. What was counted stays counted: parent and child use the same keys."""
        self._mutex = threading.RLock()
        rooms: list[KeyRates | AccountRates | Markets] = [
            *self._keys.values(), *self._accounts.values(), *self._markets.values(),
        ]  # fmt: skip
        for room in rooms:
            room.after_fork_in_child()

    def _make(self, url: str, key: str, limits: Limits, clock: Clock, account: str) -> KeyRates:
        tier = limits.tier_at(url)
        markets = self._markets.setdefault(url, Markets())
        name = (url, account or key)
        if name not in self._accounts:
            self._accounts[name] = AccountRates(engine_allowance(tier, limits.share), clock)
        return KeyRates(tier, limits, self._accounts[name], markets, clock)


_registries: weakref.WeakSet[RateRegistry] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for registry in list(_registries):
        registry.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

_by_manager: weakref.WeakKeyDictionary[object, RateRegistry] = weakref.WeakKeyDictionary()


def rates_of(manager: object) -> RateRegistry:
    """Return the counters that belong to *manager*: whoever shares its lanes shares them."""
    return _by_manager.setdefault(manager, RateRegistry())
