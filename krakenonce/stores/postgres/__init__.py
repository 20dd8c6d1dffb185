"""``postgresql://``: one lane per key for many hosts, on PostgreSQL 14 or later."""

from krakenonce.stores.postgres.opening import open_postgres

__all__ = ["open_postgres"]
