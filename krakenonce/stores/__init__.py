"""Where floors and grants live. `open_store` turns a URL into a store."""

from krakenonce.stores.base import Grant, Holder, Numbers, NumberSource, PendingGrant, Store
from krakenonce.stores.opening import open_store

__all__ = ["Grant", "Holder", "NumberSource", "Numbers", "PendingGrant", "Store", "open_store"]
