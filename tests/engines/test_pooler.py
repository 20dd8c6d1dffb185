"""PostgreSQL behind a transaction pooler: one connection goes past it to hear pushes, everything else through it."""

import psycopg
import pytest

from krakenonce.cli import main
from krakenonce.clock import SystemClock
from krakenonce.errors import StoreUnavailable
from krakenonce.stores import open_store
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import FAST
from tests.engines.pooler import POOLERS, Pooler
from tests.engines.servers import until
from tests.engines.test_leases import use, wait_for, works


@pytest.fixture(scope="module", params=POOLERS)
def pooler(request, engines):
    made = request.param(engines["postgresql"])
    yield made
    made.close()


@pytest.fixture
def url(pooler, engines):
    """Through the pooler, and past it to listen."""
    return f"{pooler.url}{FAST}&listen=127.0.0.1:{engines['postgresql'].port}"


def loses(pooler, begin, is_lost):
    """Do *begin*, and wait until it is lost while another client is served as well."""
    with psycopg.connect(pooler.url, autocommit=True) as naive, psycopg.connect(pooler.url) as other:
        naive.execute(begin)

        def once_more():
            other.execute("select 1")  # it has a server connection until it commits
            try:
                return is_lost(naive)
            finally:
                other.commit()

        until(once_more)


def test_the_pooler_takes_from_a_naive_client_what_it_listens_to(pooler):
    channels = "select count(*) from pg_listening_channels() as heard where heard = 'naive'"
    loses(pooler, "listen naive", lambda naive: naive.execute(channels).fetchone() == (0,))


def test_the_pooler_takes_from_a_naive_client_what_it_set(pooler):
    shown = "select coalesce(current_setting('naive.one', true), '')"
    loses(pooler, "set naive.one = 'mine'", lambda naive: naive.execute(shown).fetchone() == ("",))


def test_the_pooler_takes_from_a_naive_client_what_it_prepared(pooler):
    def is_lost(naive):
        try:
            naive.execute("execute one", prepare=False)
        except psycopg.errors.InvalidSqlStatementName:
            return True
        return False

    loses(pooler, "prepare one as select 1", is_lost)


def test_without_a_connection_that_hears_the_error_says_what_to_do(pooler):
    with pytest.raises(StoreUnavailable, match="listen=host:port"):
        open_store(pooler.url + FAST, SystemClock())


def test_keys_pass_from_one_process_to_another(pooler, url, opened, key):
    first, second = opened(url), opened(url)
    last = 0
    for _ in range(5):
        for store, other in ((first, second), (second, first)):
            grant = take(store, key, last + 1)
            waiting = Waiting(other, key)
            assert grant.low > last
            last = grant.low + 3
            store.release(grant, last)
            grant = waiting.grant()
            assert grant.low > last
            last = grant.low
            other.release(grant, last)
    if isinstance(pooler, Pooler):
        assert min(pooler.lent) > 10  # every server connection had its part in it


def test_many_keys_at_once_are_one_transaction(url, opened, key):
    first, second = opened(url), opened(url)
    keys = [f"{key}{number}" for number in range(40)]
    grants = [take(first, name) for name in keys]
    waiting = [Waiting(second, name) for name in keys]
    for grant in grants:
        first.release(grant, grant.low)
    for grant, woken in zip(grants, waiting, strict=True):
        assert woken.grant().low > grant.low


def test_events_sessions_and_floors_are_kept(url, opened, key, capsys):
    first = opened(url)
    ahead = use(first, key) + 3600 * 10**9
    use(first, key, ahead)
    first.remember(key, "something")
    first.close()
    second = opened(url)
    grant = take(second, key)
    assert grant.low > ahead
    assert second.remembered(key) == ("something",)
    assert main(["status", "--store", url]) == 0
    assert key in capsys.readouterr().out
    until(lambda: second.renew(grant, grant.low).until_boot_ns > grant.until_boot_ns)


def test_a_pooler_that_restarts_is_found_again(pooler, url, opened, key):
    store = opened(url)
    last = use(store, key)
    pooler.drop()
    wait_for(lambda: works(store, key + "x"))
    assert use(store, key) > last


def test_the_schema_is_made_through_the_pooler(pooler, engines, url, opened, key):
    engines["postgresql"].insist("drop schema if exists krakenonce cascade")
    assert use(opened(url), key) > 0
