"""One server of each kind for the whole run, and an empty place on it for each test."""

import itertools

import pytest

from krakenonce.clock import SystemClock
from krakenonce.stores import open_store
from krakenonce.testing.waiting import take
from tests.engines.mutants import break_postgres, break_redis
from tests.engines.proxy import Proxy
from tests.engines.servers import PostgresServer, RedisServer

FAST = "?ttl=2&request_timeout=0.5&grace=0.1"
"""Leases that end soon: the engine's clock is real, and so is every wait for the end of one."""

KINDS = {"redis": RedisServer, "postgresql": PostgresServer}
_names = itertools.count()


def pass_the_quiet_time(server):
    """An engine without data is quiet for a part of the time-to-live of whoever comes first: let it be a short one."""
    store = open_store(server.url + FAST, SystemClock())
    name = "00000000000000aa:00000000000000ff"
    grant = take(store, name)
    store.release(grant, grant.low)
    store.close()


class Engines:
    """The servers of this run, started when first asked for."""

    def __init__(self):
        self._servers = {}

    def __getitem__(self, kind):
        if kind not in self._servers:
            self._servers[kind] = KINDS[kind]()
            pass_the_quiet_time(self._servers[kind])
        return self._servers[kind]

    def close(self):
        for server in self._servers.values():
            server.close()


@pytest.fixture(scope="session")
def engines():
    servers = Engines()
    yield servers
    servers.close()


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def server(engines, kind):
    """The shared server: for tests that leave it as it is."""
    return engines[kind]


@pytest.fixture
def own_server(kind):
    """A server of the test's own: for tests that break it."""
    server = KINDS[kind]()
    yield server
    server.close()


@pytest.fixture
def key():
    """A key that no other test uses."""
    return f"00000000000000aa:{next(_names):016x}"


@pytest.fixture
def keep():
    """Keep a thing until the test ends, then close it."""
    things = []

    def keep(thing):
        things.append(thing)
        return thing

    yield keep
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def opened(keep):
    """Open a store that is closed when the test ends."""
    return lambda url, clock=None: keep(open_store(url, clock or SystemClock()))


@pytest.fixture
def broken(kind, monkeypatch, opened):
    """Break an engine in the way that *mutant* says; it is whole again when the test ends."""
    mending = []

    def broken(server, mutant):
        if kind == "redis":
            break_redis(monkeypatch, *mutant[kind])
        else:
            opened(server.url)  # makes the functions
            mending.append((server, break_postgres(server, *mutant[kind])))

    yield broken
    for server, text in mending:
        server.do(text)


@pytest.fixture
def proxy(server, keep):
    return keep(Proxy(server.port))


def through(server, proxy, options=""):
    """Return the server's URL with the proxy's port in it."""
    return server.url.replace(f":{server.port}/", f":{proxy.port}/") + options
