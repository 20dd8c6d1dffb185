"""What psycopg raises, as the one thing it means here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from krakenonce.stores.leases.engine import EngineAway


@contextmanager
def as_absence() -> Iterator[None]:
    """Turn every failure of the client or the server into `EngineAway`."""
    try:
        yield
    except (psycopg.Error, OSError) as error:
        # libpq's messages name host, user and cause, never the password. The first line says enough.
        raise EngineAway(
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
        ) from None
