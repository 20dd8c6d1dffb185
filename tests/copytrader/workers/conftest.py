"""One PostgreSQL for these tests, and an empty journal on it for each."""

import pytest

from tests.copytrader.workers.hosts import empty
from tests.engines.servers import PostgresServer


@pytest.fixture(scope="session")
def server():
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def url(server):
    """An empty journal."""
    empty(server.url)
    return server.url
