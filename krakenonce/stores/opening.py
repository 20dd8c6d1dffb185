"""From a URL to a store: a table of strings, so that only what is asked for is imported."""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from urllib.parse import urlsplit

from krakenonce.clock import Clock
from krakenonce.errors import ConfigError
from krakenonce.stores.base import Store

STORES: dict[str, str] = {
    "memory": "krakenonce.stores.memory:MemoryStore",
    "file": "krakenonce.stores.file:FileStore",
    "redis": "krakenonce.stores.redis:open_redis",
    "rediss": "krakenonce.stores.redis:open_redis",
    "redis+unix": "krakenonce.stores.redis:open_redis",
    "redis+sentinel": "krakenonce.stores.redis:open_redis",
    "redis+cluster": "krakenonce.stores.redis:open_redis",
    "rediss+cluster": "krakenonce.stores.redis:open_redis",
    "valkey": "krakenonce.stores.redis:open_redis",
    "valkeys": "krakenonce.stores.redis:open_redis",
    "valkey+cluster": "krakenonce.stores.redis:open_redis",
    "valkeys+cluster": "krakenonce.stores.redis:open_redis",
    "postgresql": "krakenonce.stores.postgres:open_postgres",
    "postgres": "krakenonce.stores.postgres:open_postgres",
}
"""Scheme -> "module:factory". A factory takes the URL and the clock if it has parameters named so."""


def open_store(url: str, clock: Clock) -> Store:
    """Return the store that *url* names.

    Parameters:
        url: ``memory://``; ``file:///path`` for all processes of this host; ``redis://`` or ``postgresql://`` for many
            hosts.
        clock: where the store reads time, if it needs to.

    Raises:
        ConfigError: the URL names no store. The message never repeats a password.
        StoreUnavailable: the store can't be opened now.
    """
    scheme = urlsplit(url).scheme
    if scheme not in STORES:
        raise ConfigError("store", f"a URL with the scheme {scheme!r}", _hint(scheme))
    module, _, name = STORES[scheme].partition(":")
    factory = getattr(importlib.import_module(module), name)
    store: Store = factory() if scheme == "memory" else factory(url, clock)
    return store


def _hint(scheme: str) -> str:
    known = ", ".join(f"{name}://" for name in STORES)
    close = get_close_matches(scheme, STORES, 1)
    return f"Did you mean {close[0]}://? Known: {known}." if close else f"Known: {known}."
