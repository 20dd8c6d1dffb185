"""Both engines pass the suite that every store passes; broken ones do not."""

import pytest

from krakenonce.stores import open_store
from krakenonce.testing import StoreConformance


class EngineConformance(StoreConformance):
    kind = ""

    @pytest.fixture(autouse=True)
    def opened(self, engines):
        self.server = engines[self.kind]
        super().setup_method()
        self.server.forget_all()

    def setup_method(self):
        """The suite opens before fixtures run: so wait for the server."""

    def open(self, clock):
        self.clock = clock
        return open_store(self.server.url, clock)

    def open_again(self, store, clock):
        return open_store(self.server.url, clock)


class TestRedis(EngineConformance):
    kind = "redis"


class TestPostgres(EngineConformance):
    kind = "postgresql"
