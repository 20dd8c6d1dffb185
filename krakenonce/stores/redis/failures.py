"""What redis-py raises, as the one thing it means here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from krakenonce.stores.leases.engine import EngineAway


@contextmanager
def as_absence() -> Iterator[None]:
    """Turn every failure of the client or the server into `EngineAway`."""
    try:
        yield
    except (RedisError, OSError) as error:
        # The text of a refused log-in may repeat what was sent; the others name the address and the cause.
        words = "" if "auth" in type(error).__name__.lower() else f": {error}"
        raise EngineAway(f"{type(error).__name__}{words}") from None
