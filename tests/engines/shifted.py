"""Engines whose clock can be set: by an entry in the engine itself, from which its scripts tell the time."""

import hashlib

from krakenonce.stores.redis import engine

KEY = "test:clock"
_SHIFTED = f"""
local function set_time()
  local t = redis.call('TIME')
  local by, frozen, coarse = unpack(redis.call('HMGET', '{KEY}', 'by', 'frozen', 'coarse'))
  return {{string.format('%d', tonumber(frozen or t[1]) + tonumber(by or '0')), (frozen or coarse) and '0' or t[2]}}
end
"""


def shift_the_scripts(put=dict.__setitem__):
    """Have every script of this process read the clock that can be set. Before a store is opened, not after.

    *put* changes an entry of a table, for good unless it is monkeypatch's.
    """
    for name, plain in list(engine._SCRIPTS.items()):
        put(engine._SCRIPTS, name, shifted(plain))
        put(engine._SHAS, name, hashlib.sha1(shifted(plain).encode()).hexdigest())


def shifted(script):
    return _SHIFTED + script.replace("redis.call('TIME')", "set_time()")


def prepare(server):
    """Give a PostgreSQL server a clock that can be set. Redis needs nothing."""
    if "postgresql" in server.url:
        server.do("drop schema if exists shift cascade")
        server.do("create schema shift")
        server.do("create table shift.clock (by integer not null, frozen timestamptz, coarse boolean not null)")
        server.do("insert into shift.clock values (0, null, false)")
        server.do(
            "create function shift.clock_timestamp() returns timestamptz language sql volatile as $$"
            " select case when c.coarse then date_trunc('second', t) else t end + c.by * interval '1 second'"
            " from shift.clock c, lateral (select coalesce(c.frozen, pg_catalog.clock_timestamp()) t) now $$"
        )
        server.do("alter database postgres set search_path = shift, pg_catalog, public")


def shift(server, seconds):
    """Set the engine's clock to be off by *seconds*."""
    if "postgresql" in server.url:
        server.do(f"update shift.clock set by = {seconds}")
    else:
        server.do("HSET", KEY, "by", seconds)


def freeze(server):
    """Let the engine's clock stand still."""
    if "postgresql" in server.url:
        server.do("update shift.clock set frozen = pg_catalog.clock_timestamp()")
    else:
        server.do("HSET", KEY, "frozen", server.client.time()[0] + 1)


def coarsen(server):
    """Let the engine's clock show whole seconds."""
    if "postgresql" in server.url:
        server.do("update shift.clock set coarse = true")
    else:
        server.do("HSET", KEY, "coarse", 1)
