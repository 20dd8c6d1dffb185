"""Engines whose clock can be set: by a number in the engine itself, which its scripts add to the time."""

from krakenonce.stores.redis import layout

KEY = "test:shift"
_SHIFTED = f"""
local function shifted_time()
  local t = redis.call('TIME')
  return {{string.format('%d', tonumber(t[1]) + tonumber(redis.call('GET', '{KEY}') or '0')), t[2]}}
end
"""


def shift_the_scripts():
    """Have every script of this process read the shifted clock. Before a store is opened, not after."""
    plain = layout.script
    layout.script = lambda name: _SHIFTED + plain(name).replace("redis.call('TIME')", "shifted_time()")


def prepare(server):
    """Give a PostgreSQL server a clock that can be set. Redis needs nothing."""
    if "postgresql" in server.url:
        server.do("create schema shift")
        server.do("create table shift.by (seconds integer not null)")
        server.do("insert into shift.by values (0)")
        server.do(
            "create function shift.clock_timestamp() returns timestamptz language sql volatile as"
            " $$ select pg_catalog.clock_timestamp() + (select seconds from shift.by) * interval '1 second' $$"
        )
        server.do("alter database postgres set search_path = shift, pg_catalog, public")


def shift(server, seconds):
    """Set the engine's clock to be off by *seconds*."""
    if "postgresql" in server.url:
        server.do(f"update shift.by set seconds = {seconds}")
    else:
        server.do("SET", KEY, seconds)
