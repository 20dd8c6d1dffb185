"""Ways to an engine: Unix sockets, users with few rights, passwords, TLS, sentinels. No password is ever printed."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from krakenonce.clock import SystemClock
from krakenonce.errors import StoreUnavailable
from krakenonce.stores import open_store
from tests.engines.conftest import FAST
from tests.engines.servers import REDIS, PostgresServer, RedisServer, free_port, until
from tests.engines.test_leases import use, wait_for, works
from tests.engines.tls import TlsProxy

SECRET = "hunter2/:@?"  # what a URL must quote
QUOTED = "hunter2%2F%3A%40%3F"
# As docs/how-to/run-on-redis-or-postgresql.md says.
RIGHTS = "resetchannels +@read +@write +@scripting +@pubsub +info +time +wait ~kn* &kn:*"


def refused(url):
    with pytest.raises(StoreUnavailable) as failure:
        open_store(url, SystemClock())
    for text in (str(failure.value), repr(failure.value), repr(failure.value.__cause__)):
        assert "hunter2" not in text
        assert "wrong" not in text
    return str(failure.value)


def test_a_store_that_opens_may_renew_in_the_moment_of_its_knock(engines, opened, key):
    """Two threads at once would have redis-py open a second connection, which is taken for a lost one."""
    store = opened(engines["redis"].url)
    engine, session = store._driver._engine, store._driver._session
    with ThreadPoolExecutor(2) as pool:
        knocks = pool.submit(lambda: [engine.knock(session) for _ in range(50)])
        for number in range(200):
            use(store, f"{key}{number}")  # each is asked by the driver's thread
        knocks.result()


def test_redis_through_a_unix_socket(keep, opened, key, tmp_path):
    keep(RedisServer("--unixsocket", str(tmp_path / "s")))
    assert use(opened(f"redis+unix://{tmp_path}/s{FAST}&db=1"), key) > 0


def test_redis_as_a_user_with_the_documented_rights(keep, opened, key):
    server = keep(RedisServer())
    server.do("ACL", "SETUSER", "kn", "on", f">{SECRET}", *RIGHTS.split())
    address = f"127.0.0.1:{server.port}/0{FAST}"
    store = opened(f"redis://kn:{QUOTED}@{address}")
    other = opened(f"redis://kn:{QUOTED}@{address}")
    assert 0 < use(store, key) < use(other, key) < use(store, key)
    store.remember(key, "something")
    assert "hunter2" not in store.url + repr(store)
    refused(f"redis://kn:wrong@{address}")


def test_redis_by_tls(keep, opened, key, tmp_path):
    proxy = keep(TlsProxy(keep(RedisServer()).port, tmp_path, asks_first=False))
    address = f"rediss://127.0.0.1:{proxy.port}/0{FAST}"
    assert use(opened(f"{address}&ssl_ca_certs={tmp_path}/cert.pem"), key) > 0
    assert proxy.served == 3
    assert "certificate" in refused(address).lower()


def test_postgres_through_a_unix_socket(engines, opened, key):
    server = engines["postgresql"]
    assert use(opened(f"postgresql://kn@/postgres{FAST}&host={server.room}&port={server.port}"), key) > 0


@pytest.fixture
def guarded(keep):
    """A PostgreSQL that asks for passwords, by SCRAM."""
    server = keep(PostgresServer())
    server.do(f"create role guarded login password '{SECRET}'")
    server.do("grant create on database postgres to guarded")
    rules = server.data / "pg_hba.conf"
    rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    server.do("select pg_reload_conf()")
    return server


def test_postgres_with_a_password(guarded, opened, key):
    address = f"127.0.0.1:{guarded.port}/postgres{FAST}"
    until(lambda: "password" in refused(f"postgresql://guarded@{address}"))  # the rules are read soon
    store = opened(f"postgresql://guarded:{QUOTED}@{address}")
    assert use(store, key) > 0
    assert "hunter2" not in store.url + repr(store)
    assert "password" in refused(f"postgresql://guarded:wrong@{address}")


def test_postgres_by_tls(engines, keep, opened, key, tmp_path):
    proxy = keep(TlsProxy(engines["postgresql"].port, tmp_path, asks_first=True))
    address = f"postgresql://kn@127.0.0.1:{proxy.port}/postgres{FAST}&sslmode=verify-full"
    assert use(opened(f"{address}&sslrootcert={tmp_path}/cert.pem"), key) > 0
    assert proxy.served == 2
    assert "certificate" in refused(f"{address}&sslrootcert=system").lower()


@pytest.fixture
def sentinel(keep, tmp_path):
    """A sentinel that watches over a Redis with a replica; and these two."""
    first = keep(RedisServer())
    second = keep(first.replica())
    port = free_port()
    rules = tmp_path / "sentinel.conf"
    rules.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor nonces 127.0.0.1 {first.port} 1\n")
    process = subprocess.Popen([REDIS, rules, "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port, first, second
    process.kill()
    process.wait()


def test_redis_behind_a_sentinel_that_fails_over(sentinel, opened, key):
    port, first, second = sentinel
    url = f"redis+sentinel://127.0.0.1:{port}/nonces{FAST}"
    until(lambda: open_store(url, SystemClock()).close() is None)
    store = opened(url)
    last = use(store, key, use(store, key) + 3600 * 10**9)
    until(lambda: first.client.wait(1, 1000) >= 1)
    watch = RedisServer.client_at(port)
    until(lambda: watch.execute_command("SENTINEL", "REPLICAS", "nonces"))
    until(lambda: watch.execute_command("SENTINEL", "FAILOVER", "nonces"))
    until(lambda: second.do("ROLE")[0] == b"master")
    watch.close()
    wait_for(lambda: works(store, key), 60)
    assert use(store, key) > last
    assert first.do("ROLE")[0] in (b"master", b"slave")
