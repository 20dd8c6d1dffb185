"""``redis://``: one lane per key for many hosts, on Redis 6.2 or later, or Valkey."""

from krakenonce.stores.redis.opening import open_redis

__all__ = ["open_redis"]
