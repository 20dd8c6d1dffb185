"""Engines that are broken on purpose: one thing in their scripts or functions is replaced by another."""

import hashlib

from krakenonce.stores.redis import engine as redis_engine

GRANTS_WHAT_IS_HELD = {
    "redis": ("acquire", "is_known and state.holder and wait_for_holder()", "nil"),
    "postgresql": ("acquire_one", "known and lane.holder is not null", "false"),
}
FORGETS_FLOORS = {
    "redis": ("prelude", "highest(highest(state.floor or '0', state.wish), floor)", "'0'"),
    "postgresql": ("first_free", "greatest(lane.floor, lane.wish, floor)", "0"),
}
ROUNDS_DIGITS = {
    "redis": ("prelude", "return highest(now, known)", "return string.format('%.0f', tonumber(highest(now, known)))"),
    "postgresql": ("first_free", "return greatest(now_ns, known)", "return greatest(now_ns, known)::float8::bigint"),
}
COUNTS_WITHOUT_A_CLOCK = {
    "redis": (
        "prelude",
        "if is_known then return highest(now, known) end",
        "do return later(highest(known, '1790000000000000000'), 0, 1) end",
    ),
    "postgresql": (
        "first_free",
        "if lane.identity = this then",
        "if true then return known + 1; elsif false then",
    ),
}


def break_redis(monkeypatch, name, what, by):
    """Send scripts in which *what* is replaced; "prelude" means all of them."""
    for script in redis_engine._SCRIPTS if name == "prelude" else (name,):
        text = redis_engine._SCRIPTS[script]
        assert what in text or script == "renew"
        broken = text.replace(what, by)
        monkeypatch.setitem(redis_engine._SCRIPTS, script, broken)
        monkeypatch.setitem(redis_engine._SHAS, script, hashlib.sha1(broken.encode()).hexdigest())


def break_postgres(server, name, what, by):
    """Replace *what* in a function; return the statement that mends it."""
    text = server.do(f"select pg_get_functiondef('krakenonce.{name}'::regproc)")[0][0]
    assert what in text
    server.do(text.replace(what, by))
    return text
