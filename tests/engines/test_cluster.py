"""A real Redis cluster: three masters, and a replica that takes over from the last."""

import itertools

import pytest
from redis.crc import key_slot

from krakenonce.cli import main
from krakenonce.clock import ManualClock, SystemClock
from krakenonce.errors import ConfigError, StoreUnavailable
from krakenonce.stores import open_store
from krakenonce.stores.leases.engine import EngineAway, Wanted
from krakenonce.stores.leases.settings import LeaseSettings
from krakenonce.stores.redis import engine as redis_engine
from krakenonce.stores.redis import layout
from krakenonce.stores.redis.cluster import Cluster
from krakenonce.stores.redis.ear import RedisEar
from krakenonce.stores.redis.nodes import Node
from krakenonce.stores.redis.opening import locate
from krakenonce.stores.redis.skew import Skew
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import FAST
from tests.engines.mutants import break_redis
from tests.engines.servers import RedisCluster, until
from tests.engines.test_failover import HOUR, SECOND, kill
from tests.engines.test_leases import use, wait_for, works
from tests.engines.test_ways_in import RIGHTS as RIGHTS_ON_ONE

THIRD = RedisCluster.SLOTS / 3
LONG = "?ttl=60"
"""Leases that no pause of a busy machine outlasts."""
RIGHTS = RIGHTS_ON_ONE + " +cluster|slots"


@pytest.fixture(scope="module")
def cluster():
    servers = RedisCluster()
    open_store(servers.url + FAST, SystemClock()).close()  # begins the era: one of long leases would be quiet for long
    yield servers
    servers.close()


def node_of(key):
    """Return the place of the master that keeps *key*."""
    return int(key_slot(layout.shard_of(key).encode()) // THIRD)


@pytest.fixture
def on(key):
    """Name another key at each call, kept by the master at a place."""
    names = (f"{key}{number}" for number in itertools.count())
    return lambda place: next(name for name in names if node_of(name) == place)


@pytest.fixture
def keys(on):
    """One key for each master."""
    return [on(place) for place in range(3)]


def test_keys_are_on_every_node(cluster, opened, keys):
    store = opened(cluster.url + FAST)
    for node, key in zip(cluster.nodes, keys, strict=True):
        assert use(store, key) < use(store, key)
        assert node.do("EXISTS", layout.names(key, "")[0]) == 1


def test_a_contended_key_is_pushed_to_who_waits_whichever_node_keeps_it(cluster, opened, keys):
    first, second = opened(cluster.url + FAST), opened(cluster.url + FAST)
    for key in keys:
        grant = take(first, key)
        waiting = Waiting(second, key)
        wait_for(lambda key=key: first._book._slots[key].wanted)  # pushed by another node than it listens at
        first.release(grant, grant.low + 7)
        assert waiting.grant().low > grant.low + 7


def test_a_lease_is_renewed_at_every_node(cluster, opened, keys):
    store = opened(cluster.url + FAST)
    grants = [take(store, key) for key in keys]
    session = store._driver._session
    for shard in layout.SHARDS:
        node = cluster.nodes[int(key_slot(shard.encode()) // THIRD)]
        until(lambda node=node, shard=shard: int(node.do("HGET", layout.session_name(shard, session), "r")) >= 4)
    for grant in grants:
        assert store.renew(grant, grant.low).until_boot_ns > grant.until_boot_ns  # four thirds of a lease later


def test_any_seed_will_do(cluster, opened, keys):
    dead = "127.0.0.1:1"
    assert use(opened(f"redis+cluster://{dead},{cluster.nodes[1].address}/0{FAST}"), keys[0]) > 0
    with pytest.raises(StoreUnavailable, match="no node of the cluster answers"):
        open_store(f"redis+cluster://{dead}", SystemClock())


def test_status_shows_the_lanes_of_all_nodes(cluster, opened, keys, capsys):
    store = opened(cluster.url + FAST)
    for key in keys:
        take(store, key)
    assert main(["status", "--store", cluster.url]) == 0
    shown = capsys.readouterr().out
    assert all(key in shown for key in keys)


def test_a_slot_that_moves_takes_its_keys_along(cluster, opened, keys, on):
    store, other = opened(cluster.url + LONG), opened(cluster.url + LONG)
    key, (source, target, _) = keys[0], cluster.nodes
    ahead = use(store, key) + HOUR
    grant = take(store, key, ahead)
    slot = key_slot(layout.shard_of(key).encode())
    cluster.move(slot, source, target)
    try:
        waiting = Waiting(other, key)
        wait_for(lambda: works(store, on(0)), 60)
        grant = store.renew(grant, grant.low)  # whoever has it goes on
        assert not waiting.is_woken
        store.release(grant, grant.low)
        assert waiting.grant().low > ahead
    finally:
        cluster.move(slot, target, source)


def test_a_node_that_lost_nothing_takes_over(cluster, opened, keys, on):
    store, other = opened(cluster.url + LONG), opened(cluster.url + LONG)
    key = keys[2]
    grant = take(store, key, use(store, key) + HOUR)
    until(lambda: cluster.nodes[2].do("WAIT", 1, 1000) == 1)
    last = use(other, keys[0])
    cluster.fail_over()
    waiting = Waiting(other, key)
    wait_for(lambda: works(store, on(2)) and works(other, on(2)), 60)
    for each in (store, other):  # one of them may have listened at the node that is gone
        wait_for(lambda each=each: listeners(cluster, each._driver._session), 60)
    assert not waiting.is_woken
    store.release(grant, grant.low + 5)
    assert waiting.grant().low > grant.low + 5
    assert use(store, keys[0]) > last
    cluster.heal()


@pytest.fixture
def lose_a_grant(cluster, opened, on, monkeypatch):
    """Have the replica miss a grant and take over; return the last number that its dead holder could have sent, and
    the one that is used next. Leases last so long that it does not matter how long that takes."""
    url, key = cluster.url + "?ttl=600", on(2)

    def lose_a_grant():
        use(opened(cluster.url + FAST), on(2))  # the era has begun
        with monkeypatch.context() as patched:
            patched.setattr(LeaseSettings, "margin", 0)  # so that numbers follow the clock from the first one on
            patched.setattr(redis_engine, "EXTRA_MARGIN", 0)
            first, store = opened(url), opened(url)
        use(first, key)
        first.close()
        until(lambda: cluster.nodes[-1].do("WAIT", 1, 1000) == 1)
        cluster.stop_following()
        grant = take(store, key)
        kill(store)  # one that lives would tell the new master
        cluster.fail_over()
        number = use(opened(url), key)
        cluster.heal()
        return grant.until_boot_ns + grant.offset, number

    return lose_a_grant


def test_the_margin_when_the_node_that_takes_over_lost_a_grant(lose_a_grant):
    could_have_sent, number = lose_a_grant()
    assert number > could_have_sent


def test_who_does_not_look_who_answers_repeats_numbers(lose_a_grant, monkeypatch):
    greet, seen = Node.greet, {}

    def greet_blindly(self, scripts, *, in_cluster):
        greet(self, scripts, in_cluster=in_cluster)
        self.identity = seen.setdefault(self.shards, self.identity)

    monkeypatch.setattr(Node, "greet", greet_blindly)
    could_have_sent, number = lose_a_grant()
    assert number < could_have_sent


def test_a_living_process_tells_the_node_that_takes_over_what_it_lost(cluster, opened, keys, on):
    store = opened(cluster.url + LONG)
    use(store, keys[2])
    cluster.stop_following()
    lost = use(store, keys[2], use(store, keys[2]) + HOUR)
    cluster.fail_over()
    wait_for(lambda: works(store, on(2)), 60)  # asked after the floors were told
    wait_for(lambda: listeners(cluster, store._driver._session), 60)
    assert use(opened(cluster.url + LONG), keys[2]) > lost
    cluster.heal()


def test_a_replica_that_must_acknowledge_is_one_of_each_node(cluster):
    with pytest.raises(StoreUnavailable, match="fewer than 1 replicas"):  # only the last master has one
        open_store(cluster.url + FAST + "&replicas=1", SystemClock())


def test_nodes_whose_clocks_differ_are_refused(cluster, monkeypatch):
    ahead = "(KEYS[1]:find('{0}') and {tostring(redis.call('TIME')[1] + 60), '0'} or redis.call('TIME'))"
    break_redis(monkeypatch, "prelude", "redis.call('TIME')", ahead)
    with pytest.raises(StoreUnavailable, match=r"clocks of the cluster's nodes differ by (5\d|60)\.\d s"):
        open_store(cluster.url, SystemClock())


def listeners(cluster, name):
    """Return at how many nodes somebody listens to what is pushed to *name*."""
    return sum(node.do("PUBSUB", "NUMSUB", layout.channel(name))[1] for node in cluster.nodes)


def test_an_ear_leaves_a_node_that_its_cluster_has_left_behind(cluster):
    """Such a node answers pings, and hears of nothing. What it had pushed before is not lost."""
    servers = locate(cluster.url, LeaseSettings(), {"protocol": 2})
    ear = RedisEar(servers)
    ear.open("somebody")
    cluster.nodes[0].do("PUBLISH", layout.channel("somebody"), "W 7 kn{0}k:key")
    left = ear._client
    assert ear._pubsub.connection.can_read(timeout=20)  # it has come across from the other node
    servers.edition += 1
    assert list(ear.hear(0)) == [Wanted("key", 7)]
    assert ear._client is not left
    until(lambda: listeners(cluster, "somebody") == 1)
    cluster.nodes[1].do("PUBLISH", layout.channel("somebody"), "W 8 kn{0}k:key")
    assert list(ear.hear(5)) == [Wanted("key", 8)]
    ear.close()


@pytest.mark.parametrize(
    ("named", "host"),
    [(b"10.0.0.7", "10.0.0.7"), (b"node.internal", "node.internal"), (b"", "::1"), (None, "::1"), (b"?", "::1")],
)
def test_a_node_that_does_not_know_its_name_is_where_it_was_asked(named, host):
    class Client:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def execute_command(self, *_):
            return [[0, RedisCluster.SLOTS - 1, [named, 7000, b"id"]]]

    asked = []
    nodes = Cluster([("::1", 6379)], lambda address: asked.append(address) or Client())
    assert [shards for shards, _ in nodes.clients()] == [layout.SHARDS]
    assert asked == [("::1", 6379), (host, 7000)]


def test_only_a_difference_that_is_proved_counts_as_skew():
    clock = ManualClock(wall_ns=0)
    skew = Skew(clock)
    for shown in (100 * SECOND, 103 * SECOND):  # each answer took 3 s: they may well show the same time
        with skew.measured() as seen:
            clock.advance(3 * SECOND)
            seen.append(shown)
    assert skew.seconds == 0
    with skew.measured() as seen:
        seen.append(109 * SECOND)
    assert skew.seconds == 3
    with pytest.raises(EngineAway, match=r"3\.0 s"):
        skew.check()


def test_urls_that_do_not_fit_the_server_say_so(cluster, engines):
    address = cluster.nodes[0].address
    for url, mend in (
        (f"redis://{address}/0", r"redis\+cluster://"),
        (f"redis+cluster://127.0.0.1:{engines['redis'].port}", "Write redis://"),
        (f"redis+cluster://{address}/1", "only database 0"),
        ("redis+cluster://127.0.0.1:x", "host:port"),
    ):
        with pytest.raises(ConfigError, match=mend):
            open_store(url, SystemClock())


def test_a_password_is_given_to_every_node_and_never_shown(cluster, opened, keys):
    for node in (*cluster.nodes, cluster.replica):
        node.do("ACL", "SETUSER", "kn", "on", ">hunter2", *RIGHTS.split())
    store = opened(f"redis+cluster://kn:hunter2@{cluster.nodes[0].address}{FAST}")
    assert all(use(store, key) > 0 for key in keys)
    assert "hunter2" not in store.url
    with pytest.raises(StoreUnavailable) as failure:
        open_store(f"redis+cluster://kn:wrong@{cluster.nodes[0].address}{FAST}", SystemClock())
    assert "wrong" not in str(failure.value)
