"""A key that PostgreSQL never saw, wanted by two at once: one makes its row, and the other finds it."""

import threading

import psycopg
import pytest

from krakenonce.stores.leases.engine import Acquire, Granted, Queued
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.postgres.engine import PostgresEngine
from tests.engines.conftest import pass_the_quiet_time
from tests.engines.mutants import break_postgres

SETTINGS = LeaseSettings()


class Process:
    """Another process at the engine: its session, and the connection it asks on."""

    def __init__(self, server, name):
        def connect():
            self.connection = psycopg.connect(server.url, autocommit=True, cursor_factory=psycopg.ClientCursor)
            return self.connection

        self.engine = PostgresEngine(connect, connect, SETTINGS)
        self.engine.connect()
        self.engine.renew(name, 1)
        self.replies = []

    def acquire(self, *keys):
        self.replies += self.engine.run([Acquire(key, 0) for key in keys])


@pytest.fixture
def processes(engines, key, keep):
    pass_the_quiet_time(engines["postgresql"])  # another test may have emptied it
    both = [Process(engines["postgresql"], f"{key}:{name}") for name in ("one", "two")]
    for each in both:
        keep(each.engine)
    return both


def until_somebody_waits_for(connection):
    """Wait until another connection waits for what *connection* has not committed yet."""
    waiting = "select exists (select from pg_stat_activity where %s = any(pg_blocking_pids(pid)))"
    with psycopg.connect(connection.info.dsn, autocommit=True) as watcher:
        while not watcher.execute(waiting, (connection.info.backend_pid,)).fetchone()[0]:
            pass


@pytest.mark.parametrize("commits", [True, False])
def test_who_comes_second_waits_for_the_first_and_has_its_own_answer(processes, key, commits):
    first, second = processes
    others = threading.Thread(target=second.acquire, args=(key, key + "x"))
    with first.connection.transaction(force_rollback=not commits):
        first.acquire(key)
        others.start()
        until_somebody_waits_for(first.connection)
    others.join()
    assert [type(reply) for reply in first.replies] == [Granted]
    assert [type(reply) for reply in second.replies] == [Queued if commits else Granted, Granted]


def test_a_grant_of_a_row_that_another_made_is_found_out(engines, processes, key):
    """Positive control."""
    server = engines["postgresql"]
    text = break_postgres(server, "first_use", "case when found then given.reply end", "given.reply")
    try:
        with pytest.raises(AssertionError):
            test_who_comes_second_waits_for_the_first_and_has_its_own_answer(processes, key, commits=True)
    finally:
        server.do(text)
