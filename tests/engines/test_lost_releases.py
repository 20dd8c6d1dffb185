"""PostgreSQL hands a key over without waiting for the disk: a crash that undoes it shows, and nothing is used twice."""

import pytest

from krakenonce.clock import SystemClock
from krakenonce.stores import open_store
from krakenonce.stores.leases.engine import Acquire, Release
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import pass_the_quiet_time
from tests.engines.servers import PostgresServer
from tests.engines.test_claims import PATIENT, Gate
from tests.engines.test_leases import use, wait_for

IDENTITY = "select krakenonce.timeline()"
LONG_LEASES = PATIENT + "&ttl=120"  # so that no renewal takes anything to the disk meanwhile


@pytest.fixture
def postgres(keep):
    server = keep(PostgresServer())
    pass_the_quiet_time(server)
    return server


@pytest.fixture
def opened_there(postgres, keep):
    return lambda: keep(open_store(postgres.url + LONG_LEASES, SystemClock()))


def generation(server, key):
    return server.do(f"select generation from krakenonce.lane where key = '{key}'")[0][0]


def test_a_crash_shows_and_a_restart_in_order_does_not(postgres, opened_there, key):
    store = opened_there()
    identity = postgres.do(IDENTITY)
    postgres.run("pg_ctl", "-D", postgres.data, "-m", "fast", "-w", "stop")
    postgres.start()
    assert postgres.do(IDENTITY) == identity
    postgres.restart()
    assert postgres.do(IDENTITY) != identity
    assert use(store, key)


def test_a_hand_over_that_a_crash_undid_lets_nobody_use_a_number_twice(postgres, opened_there, key):
    """Whoever used it unclaimed says so in the era that begins with the crash."""
    postgres.do("alter system set wal_writer_delay = '10s'")
    postgres.do("select pg_reload_conf()")
    holder, heir = opened_there(), opened_there()
    grant = take(holder, key)
    gate, waiting = Gate(heir), Waiting(heir, key)
    wait_for(lambda: holder._book._slots[key].wanted)
    before = generation(postgres, key)
    holder.release(grant, grant.low)
    used = waiting.grant()
    assert generation(postgres, key) > before
    postgres.restart()
    assert generation(postgres, key) == before, "the hand-over was on the disk: this test shows nothing"
    gate.opened.set()
    heir.release(used, used.low)
    assert take(holder, key).low > used.low


def test_only_a_hand_over_that_goes_alone_leaves_the_disk_to_what_follows(postgres, opened_there, key):
    statements = opened_there()._driver._engine._statements
    lone, other = Release(key, 1, 1, again=False), Acquire(key + "x", 0)
    used = [[text for text, _ in statements.of(asks, "s", 1)] for asks in ([lone], [lone, lone], [lone, other])]
    assert ["release_soon" in " ".join(texts) for texts in used] == [True, False, False]
