"""A busy process keeps a key that others want for its quantum, and not a moment longer once it has nothing to send."""

import asyncio

import pytest

from krakenonce.clock import SystemClock
from krakenonce.lanes import Lane
from krakenonce.source import NonceSource
from krakenonce.stores.leases.book import Book

LONG, NONE = "?quantum=60", "?quantum=0"


@pytest.fixture
def lane_on(key, opened):
    """Return a lane of one process, on a store of its own."""

    def lane_on(url):
        clock = SystemClock()
        return Lane(key, opened(url), NonceSource(clock), clock)

    return lane_on


async def is_wanted_elsewhere(lane):
    while not lane.store._book._slots[lane.key].wanted:
        await asyncio.sleep(0.001)


async def call(lane, done, name):
    async with lane.turn() as turn:
        done.append((name, turn.nonce))


async def serve_all(busy, other):
    """Let *other* want the key while *busy* holds it and has two more calls to make; return who was served."""
    done = []
    async with busy.turn() as turn:
        done.append(("busy", turn.nonce))
        calls = [asyncio.create_task(call(lane, done, name)) for lane, name in ((busy, "busy"), (busy, "busy"))]
        calls.append(asyncio.create_task(call(other, done, "other")))
        await is_wanted_elsewhere(busy)
    await asyncio.gather(*calls)
    assert [nonce for _, nonce in done] == sorted({nonce for _, nonce in done})
    return [name for name, _ in done]


async def test_a_process_with_more_to_send_keeps_a_wanted_key(server, lane_on):
    assert await serve_all(lane_on(server.url + LONG), lane_on(server.url)) == ["busy", "busy", "busy", "other"]


async def test_its_quantum_is_counted_from_when_it_got_the_key(server, lane_on):
    assert await serve_all(lane_on(server.url + NONE), lane_on(server.url)) == ["busy", "other", "busy", "busy"]


async def leave_without_a_follower(busy, other):
    """Cancel the one whose turn comes next, in the moment between its wake-up and its turn."""
    done = []
    async with busy.turn():
        follower = asyncio.create_task(call(busy, done, "busy"))
        waiting = asyncio.create_task(call(other, done, "other"))
        await is_wanted_elsewhere(busy)
    follower.cancel()
    return done, waiting


async def test_a_key_goes_on_at_once_if_nobody_follows_after_all(server, lane_on):
    done, waiting = await leave_without_a_follower(lane_on(server.url + LONG), lane_on(server.url))
    async with asyncio.timeout(30):
        await waiting
    assert [name for name, _ in done] == ["other"]


async def test_without_forgoing_it_would_stay(server, lane_on, monkeypatch):
    busy = lane_on(server.url + LONG)
    asked = []
    monkeypatch.setattr(Book, "forgo", lambda self, key: asked.append(key))
    _, waiting = await leave_without_a_follower(busy, lane_on(server.url))
    while not asked:
        await asyncio.sleep(0.001)
    assert busy.store._book._slots[busy.key].wanted  # not given back, though nobody here uses it
    monkeypatch.undo()
    busy.store.forgo(busy.key)
    await waiting
