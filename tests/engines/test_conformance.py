"""Both engines pass the suite that every store passes, whatever clock stands still or shows whole seconds."""

import pytest

from krakenonce.clock import SystemClock
from krakenonce.stores import open_store
from krakenonce.testing import CoarseClock, StoreConformance
from krakenonce.testing.stage import NOW
from tests.engines.conftest import FAST, KINDS
from tests.engines.shifted import coarsen, freeze, prepare, shift_the_scripts
from tests.engines.test_leases import use


class EngineConformance(StoreConformance):
    """Every test has other keys, on a server that has been in use for a while."""

    kind = ""

    @pytest.fixture(autouse=True)
    def opened(self, engines):
        self.begin(engines[self.kind])

    def setup_method(self):
        """The suite opens before fixtures run: so wait for the server."""

    def begin(self, server):
        self.server = server
        server.forget_keys()
        super().setup_method()

    def open(self, clock):
        return open_store(self.server.url + FAST, clock)

    def open_again(self, store, clock):
        return open_store(self.server.url + FAST, clock)


class TestRedis(EngineConformance):
    kind = "redis"


class TestPostgres(EngineConformance):
    kind = "postgresql"


class WithACoarseClock:
    def make_clock(self):
        return CoarseClock(wall_ns=NOW)


class TestRedisAtACoarseHost(WithACoarseClock, TestRedis):
    pass


class TestPostgresAtACoarseHost(WithACoarseClock, TestPostgres):
    pass


@pytest.fixture(scope="class")
def odd_server(request):
    server = KINDS[request.cls.kind]()
    prepare(server)
    yield server
    server.close()


class OddClock(EngineConformance):
    """The engine's own clock is odd, from a moment on when it has been in use."""

    @pytest.fixture(autouse=True)
    def opened(self, odd_server, monkeypatch):
        shift_the_scripts(monkeypatch.setitem)
        store = open_store(odd_server.url + FAST, SystemClock())
        use(store, "00000000000000aa:0000000000000000")  # the quiet time after a loss is over
        store.close()
        self.make_odd(odd_server)
        self.begin(odd_server)


class TestRedisWhoseClockIsCoarse(OddClock):
    kind = "redis"
    make_odd = staticmethod(coarsen)


class TestPostgresWhoseClockIsCoarse(OddClock):
    kind = "postgresql"
    make_odd = staticmethod(coarsen)


class TestRedisWhoseClockStandsStill(OddClock):
    kind = "redis"
    make_odd = staticmethod(freeze)


class TestPostgresWhoseClockStandsStill(OddClock):
    kind = "postgresql"
    make_odd = staticmethod(freeze)


SUITES = {"redis": TestRedis, "postgresql": TestPostgres}
