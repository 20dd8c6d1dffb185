"""The engine's data is lost, or an older copy of it takes over: four protections, each with what it prevents."""

import concurrent.futures
import subprocess
import sys
import threading

import pytest

from krakenonce.clock import SystemClock
from krakenonce.errors import ConfigError, MissingExtra, StoreUnavailable
from krakenonce.stores import open_store
from krakenonce.stores.leases.floors import Floors
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import FAST, through
from tests.engines.mutants import COUNTS_WITHOUT_A_CLOCK
from tests.engines.proxy import Proxy
from tests.engines.servers import RedisServer
from tests.engines.test_leases import use, wait_for, works

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


class Pair:
    """A primary, a replica that can lose touch with it, and the address under which clients know whoever is primary."""

    def __init__(self, server, keep):
        self.first, self.second = server, keep(server.replica())
        self.address = keep(Proxy(server.port))

    def url(self, options=FAST):
        return through(self.first, self.address, options)

    def fail_over(self):
        """Promote the replica as it stands, and let clients find it under the old address."""
        self.second.promote()
        self.address.target = self.second.port
        self.address.drop()


@pytest.fixture
def pair(own_server, keep):
    return Pair(own_server, keep)


def used_after(url, key, opened, floor=0):
    """Return a number that another process uses, once the engine lets it."""
    store = opened(url)
    wait_for(lambda: works(store, key + "w"))
    return use(store, key, floor)


def test_the_clock_floor_when_all_data_is_lost(own_server, key, opened):
    last = lose_all(own_server, key, opened)
    assert used_after(own_server.url + FAST, key, opened) > last


def test_without_the_clock_floor_numbers_begin_anew(own_server, key, opened, broken):
    last = lose_all(own_server, key, opened)
    broken(own_server, COUNTS_WITHOUT_A_CLOCK)
    assert used_after(own_server.url + FAST, key, opened) < last


def lose_all(server, key, opened):
    """Use a number, have the user die and the engine lose its data; return the number."""
    store = opened(server.url + FAST)
    last = use(store, key)
    kill(store)
    server.forget_all()
    return last


@pytest.mark.parametrize("loss", ["forget_all", "restart", "restore_dump"])
def test_a_loss_takes_no_key_from_its_holder(own_server, key, opened, loss):
    url = own_server.url + "?ttl=8&request_timeout=0.5"  # a slow machine takes seconds to restore a dump
    holder, other = opened(url), opened(url)
    use(holder, key)
    own_server.save_dump()
    grant = take(holder, key)
    getattr(own_server, loss)()
    waiting = Waiting(other, key)
    wait_for(lambda: works(holder, key + "x"), 60)  # asked after it had said what it holds
    wait_for(lambda: works(other, key + "y"), 60)  # asked after the quiet time, in which nobody is given anything new
    grant = holder.renew(grant, grant.low)
    assert not waiting.is_woken
    holder.release(grant, grant.low + 5)
    assert waiting.grant().low > grant.low + 5


def test_yesterdays_dump(own_server, key, opened):
    url = own_server.url + FAST
    first = opened(url)
    use(first, key)
    first.close()
    own_server.save_dump()
    last = use(opened(url), key)
    own_server.restore_dump()
    assert used_after(url, key, opened) > last


def test_a_restart_loses_nothing(own_server, key, opened):
    url = own_server.url + FAST
    store = opened(url)
    ahead = use(store, key) + HOUR
    last = use(store, key, ahead)
    own_server.restart()
    wait_for(lambda: works(store, key))
    assert use(store, key) > last


def test_a_promoted_replica_that_lost_nothing(pair, key, opened):
    store = opened(pair.url())
    last = use(store, key, use(store, key) + HOUR)
    threading.Event().wait(0.5)
    pair.fail_over()
    assert used_after(pair.url(), key, opened) > last


def test_the_margin_when_a_promoted_replica_lost_a_grant(pair, keep, key, opened, monkeypatch):
    patient = "?ttl=10&request_timeout=5"  # a holder that is cut off may go on for 4.5 s
    link = keep(Proxy(pair.first.port))
    store = opened(through(pair.first, link, patient))
    use(store, key + "x")
    pair.second.stop_following()
    grant = take(store, key)  # the promoted one will not know of it
    link.hold()  # and cannot be told
    pair.fail_over()
    could_have_sent = grant.until_boot_ns + grant.offset
    assert used_after(pair.url(patient), key + "1", opened) > could_have_sent
    monkeypatch.setattr(LeaseSettings, "margin", 0)
    assert used_after(pair.url(patient), key, opened) < could_have_sent  # what the margin prevents


def test_the_acknowledged_reservation(engines, keep, key, opened):
    server = keep(RedisServer())
    pair = Pair(server, keep)
    careless, careful = opened(pair.url()), opened(pair.url(FAST + "&replicas=1&wait=0.2"))
    use(careful, key)
    pair.second.stop_following()
    wait_for(lambda: server.client.info("replication")["connected_slaves"] == 0)
    lost = use(careless, key + "1", use(careless, key + "1") + HOUR)
    wait_for(lambda: not works(careful, key + "2"))
    with pytest.raises(StoreUnavailable, match="replicas acknowledged"):
        use(careful, key + "2")
    kill(careless)  # one that lives would tell the new engine
    pair.fail_over()
    # What it prevents: the number that no replica had was used, and its key now begins an hour below it.
    assert used_after(pair.url(), key + "1", opened) < lost


def test_the_floor_of_the_host(pair, key, opened, tmp_path):
    remembering = FAST + f"&floors={tmp_path}/floors"
    store = opened(pair.url(remembering))
    use(store, key + "x")
    pair.second.stop_following()
    lost = use(store, key, use(store, key) + HOUR)
    kill(store)
    pair.fail_over()
    assert used_after(pair.url(), key + "1", opened) < lost
    assert used_after(pair.url(remembering), key, opened) > lost


def kill(store):
    """Leave without a word, as a process that is killed."""
    store._driver._say_goodbye = lambda asks: None
    store._closed = True
    store._driver.close([])


def test_a_living_process_tells_the_new_engine_of_keys_that_run_ahead(pair, key, opened):
    store = opened(pair.url())
    use(store, key + "x")
    pair.second.stop_following()
    lost = use(store, key, use(store, key) + HOUR)
    epoch = store._book.session.epoch
    pair.fail_over()
    wait_for(lambda: store._book.session.epoch > epoch)
    wait_for(lambda: works(store, key + "y"))  # asked after the floors were told
    assert used_after(pair.url(), key, opened) > lost


def test_floors_that_are_torn_are_set_aside(tmp_path, caplog):
    floors = Floors(str(tmp_path))
    floors.keep("key", 7)
    floors.keep("key", 5)
    assert (floors.of("key"), floors.of("other")) == (7, 0)
    floors.keep_for_all(9)
    floors.close()
    assert Floors(str(tmp_path)).of("key") == 9
    (tmp_path / "floors.sqlite3").write_bytes(b"torn" * 4096)
    assert Floors(str(tmp_path)).of("key") == 0
    assert list(tmp_path.glob("*.unreadable-*"))
    assert (tmp_path / "floors.sqlite3").stat().st_mode & 0o777 == 0o600


def test_pushes_come_past_a_pooler(engines, key, opened):
    """A transaction pooler swallows pushes: so the connection that hears them may have an address of its own."""
    server = engines["postgresql"]
    assert use(opened(f"{server.url}{FAST}&listen=127.0.0.1:{server.port}"), key) > 0
    with pytest.raises(StoreUnavailable, match="listen=host:port"):
        open_store(f"{server.url}{FAST}&listen=127.0.0.1:1", SystemClock())


def test_many_processes_make_the_schema_at_once(engines):
    server = engines["postgresql"]
    server.do("drop schema if exists krakenonce cascade")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: open_store(server.url, SystemClock()), range(6)))
    for store in stores:
        store.close()
    assert server.do("select max(version), count(*) from krakenonce.migration") == [(2, 2)]
    server.do("insert into krakenonce.migration values (99)")
    with pytest.raises(ConfigError, match="version 99"):
        open_store(server.url, SystemClock())
    server.do("delete from krakenonce.migration where version = 99")


@pytest.mark.parametrize(
    ("kind", "library", "extra"), [("redis", "redis", "redis"), ("postgres", "psycopg", "postgres")]
)
def test_a_missing_library_names_its_extra(kind, library, extra):
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from krakenonce.stores import open_store; from krakenonce.clock import SystemClock\n"
        "from krakenonce.errors import MissingExtra\n"
        f"try: open_store('{'redis' if kind == 'redis' else 'postgresql'}://127.0.0.1:1/0', SystemClock())\n"
        "except MissingExtra as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert f"krakenonce[{extra}]" in said
    assert issubclass(MissingExtra, ImportError)
