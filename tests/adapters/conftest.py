import itertools

import pytest

from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from tests.adapters.clients import ASYNC, KINDS, SECRET, SYNC
from tests.adapters.scripted import ScriptedServer

_keys = itertools.count(1)


@pytest.fixture
def manager():
    """A manager with lanes of its own."""
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


@pytest.fixture
def key():
    """An API key that no other test has used."""
    return f"public-key-{next(_keys)}"


@pytest.fixture
def server():
    with ScriptedServer(SECRET) as running:
        yield running


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    """Each supported client in turn."""
    return request.param


@pytest.fixture(params=SYNC, ids=lambda kind: kind.name)
def sync_kind(request):
    return request.param


@pytest.fixture(params=ASYNC, ids=lambda kind: kind.name)
def async_kind(request):
    return request.param
