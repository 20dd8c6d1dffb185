"""Stores for many hosts, as the doctor sees them: real servers, healthy, stopped and forgetful."""

import re

from krakenonce.clock import NS_PER_SECOND, SystemClock
from krakenonce.doctor import Verdict
from krakenonce.doctor.surroundings import examine_store
from tests.engines.conftest import engines, kind, own_server, server
from tests.engines.servers import RedisServer

__all__ = ["engines", "kind", "own_server", "server"]  # fixtures of the engines' tests


def judged(url):
    return {found.check: found.verdict for found in examine_store(url, SystemClock())}


def test_a_healthy_engine_passes_with_its_durability_and_its_clock(server):
    assert judged(server.url) == dict.fromkeys(("store", "store durability", "engine clock"), Verdict.PASS)


def test_an_engine_that_is_not_there_fails_and_no_password_is_shown(own_server):
    own_server.kill()
    (found,) = examine_store(own_server.url, SystemClock())
    assert (found.check, found.verdict) == ("store", Verdict.FAIL)
    assert found.mend


def test_an_engine_that_may_forget_fails_with_the_setting_to_change():
    server = RedisServer("--maxmemory-policy", "allkeys-lru")
    try:
        (found,) = examine_store(server.url, SystemClock())
        assert (found.check, found.verdict) == ("store durability", Verdict.FAIL)
        assert "allkeys-lru" in found.text
        assert "noeviction" in found.mend
    finally:
        server.close()


class LateClock(SystemClock):
    """This machine's clock, ten minutes behind."""

    def wall_ns(self):
        return SystemClock.wall_ns() - 600 * NS_PER_SECOND


def test_an_engine_whose_clock_is_another_is_told_from_this_machines(server):
    found = {one.check: one for one in examine_store(server.url, LateClock())}
    assert found["engine clock"].verdict is Verdict.FAIL
    assert re.search(r"\+(599|600)\.\d s", found["engine clock"].text)
