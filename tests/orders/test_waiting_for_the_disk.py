"""The event loop goes on while a disk is waited for, and nothing counts before it is done."""

import asyncio
import threading

import pytest

from krakenonce.clock import NS_PER_MS, ManualClock
from krakenonce.errors import StoreUnavailable
from krakenonce.orders.batches import GroupCommit, Insistence


class Disk:
    """A database whose disk ends waiting when the test says so; *is_told* as `GroupCommit.at_disk` wants it."""

    def __init__(self, *, insistence=None, vital=lambda change: True, is_told=True):
        self.clock, self.written, self.threads, self.errors = ManualClock(), [], [], []
        self.may_end, self.is_told = threading.Event(), is_told
        self.may_end.set()
        self.commits = GroupCommit(self.write, is_local=True, clock=self.clock, insistence=insistence, is_vital=vital)

    def write(self, changes):
        self.threads.append(threading.get_ident())
        if self.is_told:
            self.commits.at_disk()
        self.clock.advance(NS_PER_MS)
        assert self.may_end.wait(60)
        if self.errors:
            raise self.errors.pop()
        self.written.append(list(changes))
        return changes

    async def learn(self):
        """Have it be found slow."""
        for _ in range(2):
            await self.commits.submit("first")
        self.written.clear()
        self.threads.clear()


async def turns(number=20):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_the_loop_goes_on_and_what_comes_meanwhile_is_written_together_afterwards():
    disk = Disk()
    await disk.learn()
    disk.may_end.clear()
    first = disk.commits.submit("a")
    await turns()
    later = [disk.commits.submit(name) for name in "bc"]
    await turns()
    assert not first.done()
    assert len(disk.threads) == 1
    assert disk.threads[0] != threading.get_ident()
    disk.may_end.set()
    assert await asyncio.gather(first, *later) == ["a", "b", "c"]
    assert disk.written == [["a"], ["b", "c"]]
    await disk.commits.close()


@pytest.mark.parametrize("options", [{"vital": lambda change: False}, {"is_told": False}, {"vital": None}])
async def test_what_does_not_wait_for_the_disk_or_does_not_say_so_is_written_at_once(options):
    disk = Disk(**options)
    await disk.learn()
    await disk.commits.submit("a")
    assert disk.threads == [threading.get_ident()]
    await disk.commits.close()


async def test_a_disk_that_fails_fails_those_who_wait():
    disk = Disk()
    await disk.learn()
    disk.errors.append(StoreUnavailable("gone"))
    with pytest.raises(StoreUnavailable):
        await disk.commits.submit("a")
    assert await disk.commits.submit("b") == "b"
    await disk.commits.close()


async def test_what_has_failed_is_tried_again_before_what_came_meanwhile():
    async def pause(seconds):
        await asyncio.sleep(0)

    disk = Disk(insistence=Insistence(sleep=pause))
    await disk.learn()
    disk.errors += [StoreUnavailable("gone")] * 2
    disk.may_end.clear()
    first = disk.commits.submit("a")
    await turns()
    second = disk.commits.submit("b")
    disk.may_end.set()
    assert await asyncio.gather(first, second) == ["a", "b"]
    assert disk.written == [["a", "b"]]
    await disk.commits.close()


async def test_closing_waits_for_the_disk():
    disk = Disk()
    await disk.learn()
    disk.may_end.clear()
    commit = disk.commits.submit("a")
    await turns()
    closing = asyncio.ensure_future(disk.commits.close())
    await turns()
    assert not closing.done()
    disk.may_end.set()
    await closing
    assert commit.result() == "a"


async def test_what_comes_after_the_end_is_told_so():
    disk = Disk()
    await disk.learn()
    await disk.commits.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await disk.commits.submit("a")


async def test_closing_writes_what_comes_while_it_waits():
    disk = Disk()
    await disk.learn()
    disk.may_end.clear()
    first = disk.commits.submit("a")
    await turns()
    closing = asyncio.ensure_future(disk.commits.close())
    await turns()
    second = disk.commits.submit("b")
    disk.may_end.set()
    await closing
    assert [first.result(), second.result()] == ["a", "b"]
