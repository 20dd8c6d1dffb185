"""When garbage is collected."""

import asyncio
import gc
import weakref

from krakenonce.copytrader.service.collecting import EVERY_S, rare_collections


class Loop:
    """Something that only a collection finds."""

    def __init__(self):
        self.self = self


class Pauses:
    """Lets the test say when a pause is over."""

    def __init__(self):
        self.asked = asyncio.Queue()
        self.over = asyncio.Queue()

    async def sleep(self, seconds):
        self.asked.put_nowait(seconds)
        await self.over.get()


async def test_garbage_is_found_at_every_full_collection_and_the_process_is_left_as_it_was():
    before, pauses = gc.get_threshold(), Pauses()
    async with rare_collections(pauses.sleep):
        assert gc.get_threshold() != before
        assert await pauses.asked.get() == EVERY_S
        for _ in range(3):
            assert gc.get_freeze_count() > 0
            gone = weakref.ref(Loop())
            gc.freeze()  # as everything that was there at the last collection is
            assert gone() is not None
            pauses.over.put_nowait(None)
            assert await pauses.asked.get() == EVERY_S
            assert gone() is None
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
