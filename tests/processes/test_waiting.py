"""G17: giving up, being cancelled, event loops: the place in line never leaks and is never freed early."""

import asyncio
import random
import threading

import pytest

from krakenonce import GlobalKrakenNonceManager
from krakenonce.errors import LaneTimeout
from krakenonce.lanes import LaneRegistry
from krakenonce.testing.waiting import PATIENCE


@pytest.fixture
def pair(tmp_path):
    """Two processes' worth of managers on one store."""
    managers = [GlobalKrakenNonceManager(f"file://{tmp_path}/store", registry=LaneRegistry()) for _ in range(2)]
    yield managers
    for manager in managers:
        manager.store.close()


async def test_waiting_for_another_process_does_not_block_the_loop(pair):
    here, there = (manager.lane("key") for manager in pair)
    with there.turn() as held:
        waiting = asyncio.create_task(_turn(here))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not waiting.done()
        first = held.nonce
    assert await waiting > first


async def _turn(lane, timeout=PATIENCE):
    async with lane.turn(timeout=timeout) as turn:
        return turn.nonce


async def test_a_waiter_that_gives_up_leaves_the_way_free(pair):
    here, there = (manager.lane("key") for manager in pair)
    with there.turn():
        with pytest.raises(LaneTimeout):
            await _turn(here, timeout=0.05)
    assert there.stats().in_flight == here.stats().in_flight == 0
    with there.turn(timeout=PATIENCE) as turn:
        first = turn.nonce
    assert await _turn(here) > first


@pytest.mark.parametrize("seed", range(8))
async def test_cancelled_at_any_moment(pair, seed):
    """Tasks of both sides are cancelled at random; turns never overlap, and the key is free at the end."""
    dice = random.Random(seed)
    lanes = [manager.lane("key") for manager in pair]
    inside, nonces = [], []

    async def use(lane):
        async with lane.turn(timeout=PATIENCE) as turn:
            assert not inside
            inside.append(turn)
            nonces.append(turn.nonce)
            try:
                await asyncio.sleep(0)
            finally:
                inside.clear()

    tasks = [asyncio.create_task(use(lanes[dice.randrange(2)])) for _ in range(60)]
    while any(not task.done() for task in tasks):
        await asyncio.sleep(dice.choice((0, 0, 0.001)))
        victim = dice.choice(tasks)
        if dice.random() < 0.3:
            victim.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
    assert nonces == sorted(set(nonces))
    for lane in lanes:
        assert await _turn(lane) > max(nonces, default=0)


def test_threads_of_one_key_do_not_hold_up_another(pair):
    lane, other = pair[0].lane("key"), pair[0].lane("other")
    threads = [threading.Thread(target=lambda: [_use(lane) for _ in range(50)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        _use(other)
    for thread in threads:
        thread.join()
    assert lane.stats().turns == 100


def _use(lane):
    with lane.turn(timeout=PATIENCE) as turn:
        return turn.nonce
