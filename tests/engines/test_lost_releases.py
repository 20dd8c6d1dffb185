"""PostgreSQL hands a key over without waiting for the disk; what a crash undoes then, is done once more."""

import pytest

from krakenonce.stores.leases.engine import Acquire, Release
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import through
from tests.engines.proxy import Proxy
from tests.engines.test_leases import wait_for

ROW = "select holder, unclaimed, generation, low, floor, queue from krakenonce.lane where key = '{key}'"


@pytest.fixture
def server(engines):
    return engines["postgresql"]


def hand_over_and_crash(server, key, opened, keep):
    """Have one process hand *key* to another, and undo that at the server before it is claimed."""
    proxy = keep(Proxy(server.port))
    holder, other = opened(server.url), opened(through(server, proxy))
    grant = take(holder, key)
    waiting = Waiting(other, key)
    wait_for(lambda: holder._book._slots[key].wanted)
    before = server.do(ROW.format(key=key))[0]
    proxy.hold()
    holder.release(grant, grant.low)
    wait_for(lambda: server.do(ROW.format(key=key))[0] != before)
    session, unclaimed, generation, low, floor, queue = before
    server.do(
        f"update krakenonce.lane set holder = '{session}', unclaimed = {unclaimed}, generation = {generation}, "
        f"low = {low}, floor = {floor}, queue = '{{{','.join(queue)}}}' where key = '{key}'"
    )
    proxy.heal()
    return grant, waiting


def test_a_release_that_a_crash_undid_is_done_once_more(server, key, opened, keep):
    grant, waiting = hand_over_and_crash(server, key, opened, keep)
    assert waiting.grant().low > grant.low


def test_releases_that_wait_for_others_are_on_disk_when_they_return(server, key, opened):
    """Only a release that goes alone leaves the disk to the claim that follows: a grant never does."""
    store = opened(server.url)
    grant = take(store, key)
    statements = store._driver._engine._statements
    lone, other = Release(key, 1, 1, again=False), Acquire(key + "x", 0)
    used = [[text for text, _ in statements.of(asks, "s", 1)] for asks in ([lone], [lone, lone], [lone, other])]
    assert ["release_soon" in " ".join(texts) for texts in used] == [True, False, False]
    store.release(grant, grant.low)
