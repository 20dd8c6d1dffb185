"""The ladder: only what the caller allowed, never in silence, never below the floor."""

import threading

import pytest

from krakenonce.clock import NS_PER_MS, ManualClock
from krakenonce.errors import ConfigError, ForkedProcess, StoreUnavailable, UnitTooSmall
from krakenonce.fallback import KrakenNonce, climb
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from krakenonce.stores import open_store
from krakenonce.stores.memory import MemoryStore
from tests.forking import in_forked_child


def away(url, clock):
    """Open stores in memory, and find every other one away."""
    if url.startswith("memory"):
        return MemoryStore()
    raise StoreUnavailable(f"{url} does not answer")


CLOCK = ManualClock()


def test_what_is_there_is_taken_without_a_reason():
    rung = climb("memory://", (), CLOCK, away)
    assert (rung.name, rung.reason, rung.coarse) == ("memory://", None, False)


def test_by_default_nothing_lesser_is_used():
    with pytest.raises(StoreUnavailable, match=r"redis://r does not answer\. .*fallback="):
        climb("redis://r", (), CLOCK, away)


def test_the_first_rung_that_holds_is_taken_and_the_reason_names_those_that_did_not(caplog):
    rung = climb("redis://r", ("file:///f", "memory://", "time"), CLOCK, away)
    assert rung.name == "memory://"
    assert rung.reason == "redis://r does not answer; file:///f does not answer"
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("rungs", "shape"),
    [("memory://", "one text"), (("memory",), "'memory'"), (("milliseconds", "memory://"), "above a store")],
)
def test_a_malformed_ladder_is_refused(rungs, shape):
    with pytest.raises(ConfigError, match="fallback") as caught:
        climb("redis://r", rungs, CLOCK, away)
    assert shape in str(caught.value)


@pytest.mark.parametrize("url", ["", "memory", "memroy://", "redis//x", "ftp://user:s3cret@host"])
def test_a_url_that_names_no_store_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigError, match="memory://") as caught:
        open_store(url, CLOCK)
    assert "s3cret" not in str(caught.value)


def managed(monkeypatch, *fallback, clock=None, registry=None, store="redis://r"):
    monkeypatch.setattr("krakenonce.fallback.climb.__defaults__", (away,))
    return GlobalKrakenNonceManager(store, clock=clock or ManualClock(), registry=registry, fallback=fallback)


def test_a_manager_on_a_lesser_rung_says_fallback_and_why(monkeypatch, caplog):
    manager = managed(monkeypatch, "memory://", registry=LaneRegistry())
    assert manager.precision == "nanosecond precision, fallback to memory://: redis://r does not answer"
    assert any("fallback" in record.message for record in caplog.records)
    assert len(str(manager.get_nonce())) == 19


@pytest.mark.parametrize("rung", ["milliseconds", "time"])
def test_a_key_that_has_seen_nothing_gets_rising_milliseconds(monkeypatch, rung, recwarn):
    clock = ManualClock()
    manager = managed(monkeypatch, rung, clock=clock, registry=LaneRegistry())
    assert "millisecond precision" in manager.precision
    numbers = []
    for _ in range(3):
        with manager.lane("key").turn() as turn:
            numbers.append(turn.nonce)
    now = clock.wall_ns() // NS_PER_MS
    assert numbers == [now, now + 1, now + 2]
    deprecations = [warning for warning in recwarn if warning.category is DeprecationWarning]
    assert len(deprecations) == (1 if rung == "milliseconds" else 0)


@pytest.mark.parametrize("rung", ["milliseconds", "time"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_key_that_has_seen_nanoseconds_is_never_given_milliseconds(monkeypatch, rung):
    registry = LaneRegistry()
    with managed(monkeypatch, registry=registry, store="memory://").lane("key").turn() as turn:
        assert len(str(turn.nonce)) == 19
    lesser = managed(monkeypatch, rung, registry=registry)
    with pytest.raises(UnitTooSmall, match="seen nanoseconds"):
        lesser.lane("key")
    assert lesser.lane("another key")


def test_the_deprecated_source_warns_and_counts_milliseconds_up():
    clock = ManualClock()
    with pytest.warns(DeprecationWarning, match="USER:alice"):
        source = KrakenNonce("USER:alice", clock)
    first = source.get_nonce()
    assert len(str(first)) == 13
    clock.step(-(10**12))
    assert [source.next(), source.next()] == [first + 1, first + 2]


def test_the_deprecated_source_is_safe_across_threads_and_refuses_a_fork():
    with pytest.warns(DeprecationWarning, match="MASTER"):
        source = KrakenNonce(clock=ManualClock())
    numbers = []
    threads = [threading.Thread(target=lambda: numbers.extend(source.next() for _ in range(5000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 20_000
    assert in_forked_child(source.next).startswith(ForkedProcess.__name__)
