"""pykrakenapi: ``KrakenAPI``, which sends everything through the krakenex client in its attribute ``api``.

Its call-rate limiter and its retries sleep in ``KrakenAPI``, that is, before and between the turns, never inside one.
"""

from __future__ import annotations

from typing import Any

from krakenonce.adapters import krakenex
from krakenonce.adapters.libraries import has_class

SUPPORTED = "pykrakenapi.KrakenAPI (around a krakenex.API)"

key, base_url, hooks = krakenex.key, krakenex.base_url, krakenex.hooks


def find(client: Any) -> Any | None:
    """Return the krakenex client inside *client* if it is a ``KrakenAPI``."""
    return krakenex.find(client.api) if has_class(client, "pykrakenapi.pykrakenapi.KrakenAPI") else None
