"""Servers that can't be relied on are refused when a store is opened, with what to do about it."""

import psycopg
import pytest
import redis

from krakenonce.clock import SystemClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores import open_store
from tests.engines.conftest import FAST
from tests.engines.servers import RedisServer, until
from tests.engines.test_leases import use


def refused(url):
    with pytest.raises((ConfigError, StoreUnavailable)) as failure:
        open_store(url, SystemClock())
    return str(failure.value)


@pytest.fixture
def claimed(engines, monkeypatch):
    """Have a server claim to be of another version than it is."""
    assert engines["redis"].answers()  # one that is made now has been in use already

    def claimed(version):
        info = redis.Redis.info
        monkeypatch.setattr(redis.Redis, "info", lambda *given: info(*given) | {"redis_version": version})

    return claimed


@pytest.mark.parametrize("version", ["5.0.14", "6.0.16"])
def test_an_old_redis(engines, claimed, version):
    claimed(version)
    assert f"Redis {version}. Version 6.2 or later is needed" in refused(engines["redis"].url)


@pytest.mark.parametrize("version", ["6.2.0", "7.4.1", "10.0.3", "255.255.255"])
def test_a_newer_redis_is_taken(engines, claimed, opened, key, version):
    claimed(version)
    assert use(opened(engines["redis"].url + FAST), key) > 0


def test_a_redis_that_is_a_replica(engines, keep):
    assert "replica, where nothing can be written" in refused(keep(engines["redis"].replica()).url + FAST)


def test_a_redis_that_may_evict(keep):
    server = keep(RedisServer("--maxmemory-policy", "volatile-lru"))
    assert "Set maxmemory-policy noeviction" in refused(server.url)
    server.do("CONFIG", "SET", "maxmemory-policy", "noeviction")
    open_store(server.url + FAST, SystemClock()).close()


def test_an_old_postgresql(engines, monkeypatch):
    server = engines["postgresql"]
    monkeypatch.setattr(psycopg.ConnectionInfo, "server_version", 130022)
    assert "PostgreSQL 13. 14 or later is needed" in refused(server.url)


@pytest.fixture
def careless(engines):
    """A PostgreSQL that does not wait for its disk."""
    server = engines["postgresql"]
    server.do("alter system set fsync = off")
    server.do("select pg_reload_conf()")
    until(lambda: server.do("show fsync") == [("off",)])
    yield server
    server.do("alter system reset fsync")
    server.do("select pg_reload_conf()")
    until(lambda: server.do("show fsync") == [("on",)])


def test_a_postgresql_that_forgets(careless):
    assert "Set fsync = on" in refused(careless.url)


def test_a_postgresql_without_the_standby_that_is_to_acknowledge(engines):
    assert "Set synchronous_standby_names" in refused(engines["postgresql"].url + "?replicas=1")


def test_a_postgresql_that_is_a_standby(engines):
    server = engines["postgresql"]
    server.do("create schema if not exists pretended")
    server.do("create or replace function pretended.pg_is_in_recovery() returns boolean language sql as 'select true'")
    url = f"{server.url}{FAST}&options=-csearch_path%3Dpretended,pg_catalog"
    assert "standby, where nothing can be written" in refused(url)
