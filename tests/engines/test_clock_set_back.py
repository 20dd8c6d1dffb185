"""The engine's clock is set back after numbers were used that lie ahead of it now, and their user dies."""

import pytest

from krakenonce.stores.leases.engine import Acquire, Queued
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.redis import layout
from krakenonce.testing.waiting import take
from tests.engines.conftest import FAST
from tests.engines.shifted import prepare, shift, shift_the_scripts
from tests.engines.test_failover import kill
from tests.engines.test_leases import use

TEN_MINUTES = 600


SETS_ONLY_ONE_KEY_RIGHT = {
    "redis": ("acquire", "if not state.unclaimed then begin_above_its_end() end", ""),
    "postgresql": ("acquire_one", "if s.dead and not lane.unclaimed then", "if s.dead then null; elsif false then"),
}


@pytest.fixture
def set_back(own_server, opened, key, monkeypatch):
    """Have a process use three keys and die, set the clock back, and have another process use them.

    Returns, for each key, the last number that the dead could have used, and the one that is used next.
    """
    shift_the_scripts(monkeypatch.setitem)
    prepare(own_server)

    def set_back(salt):
        # Keys that share a shard on Redis, and with it what is known of who holds them.
        names = (f"{key}{salt}{number}" for number in range(1000))
        keys = [name for name in names if layout.shard_of(name) == "0"][:3]
        shift(own_server, 0)
        with monkeypatch.context() as patched:
            patched.setattr(LeaseSettings, "margin", 0)  # so that numbers follow the clock from the first one on
            holder = opened(own_server.url + FAST)
            for name in keys:
                use(holder, name)
        used = [grant.until_boot_ns + grant.offset for grant in (take(holder, name) for name in keys)]
        kill(holder)
        shift(own_server, -TEN_MINUTES)
        other = opened(own_server.url + FAST)
        return list(zip(used, [use(other, name) for name in keys], strict=True))

    return set_back


def test_no_key_of_the_dead_begins_below_what_they_used(set_back, own_server, broken):
    """Not only the one whose waiter found them dead."""
    assert all(after > before for before, after in set_back("a"))
    broken(own_server, SETS_ONLY_ONE_KEY_RIGHT)
    assert [after > before for before, after in set_back("b")] == [True, False, False]


def test_the_quiet_time_after_a_loss_begins_anew_when_the_clock_is_set_back(own_server, opened, key, monkeypatch):
    """It would seem over: somebody who has not been heard of yet may hold the key."""
    shift_the_scripts(monkeypatch.setitem)
    prepare(own_server)
    store = opened(own_server.url)
    use(store, key)
    store._driver.close([])  # its threads are not wanted from here on
    engine = store._driver._engine
    own_server.forget_all()
    engine.connect()
    engine.renew("again", 1)
    prepare(own_server)
    for seconds in (0, -TEN_MINUTES):
        shift(own_server, seconds)
        told = engine.run([Acquire(key, 0)])[0]
        assert isinstance(told, Queued), told
        assert 0 < told.seconds <= LeaseSettings().quiet_after_loss
