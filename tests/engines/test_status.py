"""`krakenonce status` on an engine: who holds, who waits, what was refused; reading only."""

import json

import pytest

from krakenonce.cli import main
from krakenonce.clock import SystemClock
from krakenonce.refusals.events import Event
from krakenonce.stores import open_store
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import pass_the_quiet_time

KEY = "00000000000000aa:00000000000000bb"


def status(url, capsys, *words):
    assert main(["status", "--store", url, *words]) == 0
    return capsys.readouterr().out


def lane_of(url, capsys):
    lanes = json.loads(status(url, capsys, "--json"))["lanes"]
    return next((lane for lane in lanes if lane["key"] == KEY), None)


def test_it_shows_holder_waiters_and_refusals(own_server, capsys):
    pass_the_quiet_time(own_server)
    first, second = (open_store(own_server.url, SystemClock()) for _ in range(2))
    grant = take(first, KEY)
    first.remember(KEY, Event("refused", SystemClock.wall_ns()).line())
    waiting = Waiting(second, KEY)
    lane = lane_of(own_server.url, capsys)
    while not lane["waiting"]:  # the driver asks in a thread of its own
        lane = lane_of(own_server.url, capsys)
    assert lane["holder"]
    assert lane["refusals"] == 1
    assert int(lane["until_ns"]) > 0
    assert KEY in status(own_server.url, capsys)
    waiting.pending.cancel()
    first.release(grant, grant.low)
    for store in (first, second):
        store.close()


def test_it_writes_nothing(own_server, capsys):
    pass_the_quiet_time(own_server)
    store = open_store(own_server.url, SystemClock())
    grant = take(store, KEY)
    store.release(grant, grant.low)
    store.close()
    before = contents(own_server)
    assert lane_of(own_server.url, capsys)["holder"] == ""
    assert contents(own_server) == before


def contents(server):
    """Return everything that the server keeps for krakenonce, or a count that every write raises."""
    if server.url.startswith("redis"):
        with server.client as client:
            return client.info("persistence")["rdb_changes_since_last_save"]
    import psycopg

    with psycopg.connect(server.url) as connection:
        return [
            connection.execute(
                f"select t::text, xmin::text, xmax::text from krakenonce.{table} t order by 1"
            ).fetchall()
            for table in ("lane", "session", "migration")
        ]


def test_a_server_without_a_store_has_no_lanes_or_says_so(own_server, capsys):
    ended = main(["status", "--store", own_server.url])
    output = capsys.readouterr()
    assert ended in (0, 2)
    assert "0 lanes on " in output.out or "there is no store of krakenonce in this database yet" in output.err


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "postgresql://127.0.0.1:1/x"])
def test_a_server_that_is_not_there_is_named(url, capsys):
    assert main(["status", "--store", url]) == 2
    assert url.partition("?")[0] in capsys.readouterr().err
