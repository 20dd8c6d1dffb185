"""What a lease store promises beyond the common suite, on real servers: round trips, hand-over, the engine away."""

import asyncio
import logging
import statistics
import threading

import pytest

from krakenonce.clock import ManualClock, SystemClock
from krakenonce.errors import ConfigError, ForkedProcess, GrantEnded, StoreUnavailable
from krakenonce.nonce import MAX_NONCE
from krakenonce.stores import open_store
from krakenonce.stores.leases.engine import Acquire, EngineAway, Granted, NoSession
from krakenonce.testing.waiting import Waiting, take
from tests.engines.conftest import FAST, through
from tests.engines.proxy import Proxy
from tests.forking import in_forked_child

SECOND = 1_000_000_000


def use(store, key, floor=0):
    """Take a grant, use one number of it, give it back; return the number."""
    grant = take(store, key, floor)
    store.release(grant, grant.low)
    return grant.low


def seconds_since(boot_ns):
    return (SystemClock().boot_ns() - boot_ns) / SECOND


def test_the_steady_state_asks_the_engine_nothing(server, proxy, key, opened):
    store = opened(through(server, proxy))
    use(store, key)
    before = proxy.sent
    for _ in range(1000):
        use(store, key)
    assert proxy.sent == before


def test_the_first_use_of_a_key_is_one_round_trip(server, proxy, key, opened):
    store = opened(through(server, proxy))
    use(store, key + "x")
    before = proxy.sent
    use(store, key)
    assert proxy.sent == before + 1


def test_closing_is_a_few_round_trips(server, proxy, key, opened):
    store = opened(through(server, proxy))
    use(store, key)
    before = proxy.sent
    store.close()
    assert proxy.sent <= before + 6


def test_a_contended_key_is_one_round_trip_and_a_push(server, key, opened, keep):
    holder = opened(server.url)
    grant = take(holder, key)
    mine = keep(Proxy(server.port))
    store = opened(through(server, mine))
    before = mine.sent
    waiting = Waiting(store, key)
    wait_for(lambda: mine.sent == before + 1)
    holder.release(grant, grant.low)
    assert waiting.grant().low > grant.low
    wait_for(lambda: mine.sent == before + 2)  # the claim, which nobody waits for


def test_renewal_does_not_depend_on_the_number_of_keys(server, key, opened, keep):
    traffic = []
    for count in (1, 2000):
        mine = keep(Proxy(server.port))
        store = opened(through(server, mine, FAST))
        for number in range(count):
            use(store, f"{key}{count}{number}")
        before = mine.sent
        threading.Event().wait(2.2)  # a time-to-live: three renewals
        traffic.append(mine.sent - before)
    assert max(traffic) <= min(traffic) + 3
    assert min(traffic) >= 2


@pytest.mark.proof
def test_a_hundred_thousand_keys_cost_no_more_renewals_and_few_bytes(server, kind, key, opened, keep):
    keys, traffic = 100_000, []
    for count in (1, keys):
        mine = keep(Proxy(server.port))
        store = opened(through(server, mine, "?ttl=15&request_timeout=2"))  # what else runs may keep the engine busy
        use(store, f"{key}first")
        was = used_memory(server, kind)
        for number in range(count):
            use(store, f"{key[:-16]}{count + number:016x}")  # as long as names are
        before, began = mine.sent, store._book.session.until_ns
        wait_for(lambda store=store, began=began: store._book.session.until_ns > began + 30 * SECOND, 600)
        traffic.append(mine.sent - before)
    assert max(traffic) <= min(traffic) + 5  # in six renewals
    if kind == "redis":
        assert (used_memory(server, kind) - was) / keys <= 200


def used_memory(server, kind):
    return server.client.info("memory")["used_memory"] if kind == "redis" else 0


def wait_for(condition, seconds=10.0):
    pause = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come to that")


def test_processes_take_turns_in_order(server, key, opened):
    stores = [opened(server.url) for _ in range(4)]
    grant = take(stores[0], key)
    line = []
    for store in stores[1:]:
        line.append(Waiting(store, key))
        threading.Event().wait(0.05)  # so that each is in the engine's queue before the next comes
    last = grant.low
    stores[0].release(grant, last)
    for store, waiting in zip(stores[1:], line, strict=True):
        grant = waiting.grant()
        assert grant.low > last
        last = grant.low
        store.release(grant, last)


def test_a_busy_process_hands_over_after_its_quantum(server, key, opened):
    busy, other = opened(server.url), opened(server.url)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            use(busy, key)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            use(other, key)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


async def test_an_event_loop_is_never_blocked_by_the_engine(server, proxy, key, opened):
    store = opened(through(server, proxy))
    proxy.delay = 0.3
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    began = loop.time()
    assert store.acquire(key, 0) is None
    pending = store.queue(key, 0, lambda: loop.call_soon_threadsafe(woken.set))
    assert loop.time() - began < 0.2
    await woken.wait()
    assert loop.time() - began >= 0.25
    store.release(pending.result(), pending.result().low)


def test_a_grant_ends_before_the_lease_does(server, key, opened):
    clock = ManualClock()
    store = opened(server.url, clock)
    grant = take(store, key)
    assert 0 < grant.until_boot_ns - clock.boot_ns() <= 4.5 * SECOND  # ttl 10 - request_timeout 5 - grace 0.5
    clock.advance(5 * SECOND)
    with pytest.raises(GrantEnded):
        store.renew(grant, grant.low)


def test_a_lease_is_renewed_behind_the_back_of_its_users(server, key, opened):
    store = opened(server.url + FAST)
    grant = take(store, key)
    threading.Event().wait(2.5)
    renewed = store.renew(grant, grant.low)
    assert renewed.until_boot_ns > grant.until_boot_ns
    store.release(renewed, renewed.low)


def test_floors_have_nineteen_digits_and_none_is_rounded(server, key, opened):
    store, other = opened(server.url), opened(server.url)
    use(store, key)  # what the engine has not seen yet begins with a margin
    floor = 2**63 - 10**12 - 7  # a double would be off by hundreds
    for step in range(20):
        low = use((store, other)[step % 2], key, floor if step == 0 else 0)
        assert low == floor + step


def test_a_million_numbers_through_the_store_are_distinct(server, key, opened):
    store, other = opened(server.url), opened(server.url)
    seen, last = 0, 0
    for step in range(20):  # each lease serves 50,000 numbers, all of them above 2**53
        grant = take((store, other)[step % 2], key)
        assert grant.low > max(last, 2**53)
        last = grant.low + 49_999
        assert last < grant.high
        seen += 50_000
        (store, other)[step % 2].release(grant, last)
    assert seen == 10**6


def test_closing_hands_every_key_over_at_once(server, key, opened):
    old, new = opened(server.url), opened(server.url)
    keys = [f"{key}{number}" for number in range(50)]
    last = {name: use(old, name) for name in keys}
    waiting = {name: Waiting(new, name) for name in keys}
    old.close()
    for name in keys:
        assert waiting[name].grant().low > last[name]


def test_a_dead_waiter_is_passed_over(server, key, opened, keep):
    link = keep(Proxy(server.port))
    holder, dying, alive = opened(server.url), opened(through(server, link)), opened(server.url)
    grant = take(holder, key)
    Waiting(dying, key)
    threading.Event().wait(0.1)
    waiting = Waiting(alive, key)
    threading.Event().wait(0.1)
    link.hold()  # its session lives on, but it hears nothing any more
    began = SystemClock().boot_ns()
    holder.release(grant, grant.low)
    assert waiting.grant().low > grant.low
    assert seconds_since(began) < 2.5  # a claim deadline of 1 s, not a time-to-live of 10 s
    link.heal()


def test_the_keys_of_a_dead_holder_come_free_after_its_time_to_live(server, key, opened, keep):
    link = keep(Proxy(server.port))
    dying, heir = opened(through(server, link, FAST)), opened(server.url + FAST)
    grant = take(dying, key)
    link.hold()
    began = SystemClock().boot_ns()
    heirs = take(heir, key)
    assert heirs.low >= grant.high  # above everything the dead one may have sent
    assert seconds_since(began) < 2 + 1.5
    with pytest.raises(GrantEnded):
        dying.renew(grant, grant.low)
    link.heal()


def test_a_holder_that_comes_back_after_its_lease_queues_like_everybody(server, key, opened, keep):
    link = keep(Proxy(server.port))
    frozen, heir = opened(through(server, link, FAST)), opened(server.url + FAST)
    use(frozen, key)
    link.hold()
    grant = take(heir, key)
    link.heal()
    wait_for(lambda: works(frozen, key + "x"))
    waiting = Waiting(frozen, key)
    threading.Event().wait(0.3)
    assert not waiting.is_woken
    heir.release(grant, grant.low)
    assert waiting.grant().low > grant.low


@pytest.mark.parametrize("fault", ["cut", "hold"])
def test_without_the_engine_holders_finish_then_fail_in_time_and_recover(server, proxy, key, opened, fault):
    store = opened(through(server, proxy, FAST))
    use(store, key)
    getattr(proxy, fault)()
    began = SystemClock().boot_ns()
    use(store, key)  # within its lease it goes on
    wait_for(lambda: not works(store, key))
    assert seconds_since(began) <= 2 + 1  # ttl + 1 s
    with pytest.raises(StoreUnavailable, match="has not answered"):
        use(store, key)
    proxy.heal()
    healed = SystemClock().boot_ns()
    wait_for(lambda: works(store, key))
    assert seconds_since(healed) <= 2


def works(store, key):
    try:
        return use(store, key) > 0
    except StoreUnavailable:
        return False


def test_degrading_to_this_host_is_asked_for_and_logged(server, proxy, key, opened, caplog):
    store = opened(through(server, proxy, FAST + "&degrade=host"))
    before = use(store, key)
    proxy.cut()
    with caplog.at_level(logging.WARNING, "krakenonce"):
        threading.Event().wait(1.5)
        alone = [use(store, key) for _ in range(3)]
    assert alone == sorted({before, *alone})[1:]
    assert any("fallback to this host alone" in record.message for record in caplog.records)
    proxy.heal()
    wait_for(lambda: use(store, key) > alone[-1])
    other = opened(server.url + FAST)
    wait_for(lambda: use(other, key) > alone[-1])


def test_a_call_that_comes_late_on_a_lost_connection_is_void(server, key, opened):
    """A request that was stuck in a dead router must not take a key for a process that does not know of it."""
    old, new = (opened(server.url)._driver._engine for _ in range(2))
    old.renew("one process", 1)
    assert isinstance(old.run([Acquire(key, 0)])[0], Granted)
    new.renew("one process", 2)
    assert old.run([Acquire(key + "x", 0)]) == [NoSession()]
    with pytest.raises(EngineAway):
        old.renew("one process", 1)
    assert isinstance(new.run([Acquire(key + "x", 0)])[0], Granted)
    new.end("one process")


def test_a_forked_child_is_refused(server, key, opened):
    store = opened(server.url)
    use(store, key)
    assert in_forked_child(lambda: store.acquire(key, 0)).startswith(ForkedProcess.__name__)
    assert use(store, key) > 0


def test_passwords_are_never_printed(engines, kind):
    secret = "hunter2"
    url = engines[kind].url.replace("://", f"://someone:{secret}@").replace("kn@", "")
    port = Proxy(1)
    port.cut()
    with pytest.raises(StoreUnavailable) as failure:
        open_store(url.replace(f":{engines[kind].port}/", f":{port.port}/"), SystemClock())
    port.close()
    assert secret not in str(failure.value)
    assert secret not in repr(failure.value.__cause__)


@pytest.mark.parametrize(
    ("option", "field"),
    [("ttl=3&request_timeout=5", "ttl"), ("ttl=soon", "ttl"), ("degrade=yes", "degrade"), ("nonsense=1", "URL")],
)
def test_options_without_sense_are_refused(server, option, field):
    with pytest.raises(ConfigError, match=field):
        open_store(f"{server.url}?{option}", SystemClock())


def test_hand_over_is_quick(server, key, opened):
    """A bound that only a poll or a time-out would break; the figures are the benchmark's business."""
    stores = [opened(server.url), opened(server.url)]
    grant, gaps = take(stores[0], key), []
    for step in range(1, 60):
        waiting = Waiting(stores[step % 2], key)
        threading.Event().wait(0.01)
        began = SystemClock().boot_ns()
        stores[(step - 1) % 2].release(grant, grant.low)
        grant = waiting.grant()
        gaps.append(seconds_since(began))
    assert statistics.median(gaps) < 0.1
    assert grant.high <= MAX_NONCE + 1


def test_closing_ends_though_the_engine_has_fallen_silent(server, proxy, key, keep):
    store = open_store(through(server, proxy, FAST), SystemClock())
    use(store, key)
    proxy.hold()
    closing = threading.Thread(target=store.close, daemon=True)
    closing.start()
    closing.join(60)  # far above the time-to-live of 2 s, far below for ever
    assert not closing.is_alive()
