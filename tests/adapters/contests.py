"""Eight callers at once on one API key, in every way that people run their clients."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.adapters.clients import Kind

CALLERS = 8

Prepare = Callable[[Any], Any]
"""What is done to each client before it is used: installing, or nothing."""


class Contest:
    """*calls* private calls of one kind of client by eight callers, with the key and secret of one account.

    What the calls raise is collected in *errors*; the exchange counts what arrived. *seconds* is the time from the
    first call's beginning to the last one's end, and *callers_left* how many have not made all their calls yet.
    """

    def __init__(self, kind: Kind, url: str, account: Any, calls: int, prepare: Prepare) -> None:
        self.kind, self.calls, self._prepare = kind, calls, prepare
        self._address = url, account.key, account.secret
        self.name = account.name
        self.errors: list[Exception] = []
        self._moments: list[float] = []
        self.callers_left = CALLERS
        self._counting = threading.Lock()

    @property
    def seconds(self) -> float:
        return max(self._moments) - min(self._moments)

    @contextlib.asynccontextmanager
    async def clients(self, count: int):
        async with contextlib.AsyncExitStack() as stack:
            made = [await stack.enter_async_context(self.kind.client(*self._address)) for _ in range(count)]
            for client in made:
                self._prepare(client)
            yield made

    async def one_caller_alone(self) -> None:
        """Make one caller's share of the calls, with nobody beside it."""
        async with self.clients(1) as (client,):
            if self.kind.is_async:
                await self.call_in_task(client)
            else:
                await asyncio.to_thread(self._call_in_thread, lambda: self.kind.private(client, "Balance"))

    async def one_client_shared_by_threads(self) -> None:
        async with self.clients(1) as (client,):
            await asyncio.to_thread(self._run_threads, [lambda: self.kind.private(client, "Balance")] * CALLERS)

    async def a_client_for_each_thread(self) -> None:
        async with self.clients(CALLERS) as clients:
            callers = [lambda client=client: self.kind.private(client, "Balance") for client in clients]
            await asyncio.to_thread(self._run_threads, callers)

    async def one_client_shared_by_tasks(self) -> None:
        """Of a synchronous client: through `asyncio.to_thread`."""
        async with self.clients(1) as (client,):
            await asyncio.gather(*[self.call_in_task(client) for _ in range(CALLERS)])

    async def a_client_for_each_task(self) -> None:
        async with self.clients(CALLERS) as clients:
            await asyncio.gather(*[self.call_in_task(client) for client in clients])

    async def a_loop_for_each_thread(self) -> None:
        """Of an asynchronous client: eight event loops in eight threads, each with its own client."""

        async def one() -> None:
            async with self.clients(1) as (client,):
                await self.call_in_task(client)

        await asyncio.gather(*[asyncio.to_thread(asyncio.run, one()) for _ in range(CALLERS)])

    def ways(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the ways in which this kind of client is used."""
        if self.kind.is_async:
            return [self.one_client_shared_by_tasks, self.a_client_for_each_task, self.a_loop_for_each_thread]
        return [self.one_client_shared_by_threads, self.a_client_for_each_thread, self.one_client_shared_by_tasks]

    def _run_threads(self, callers: list[Callable[[], Any]]) -> None:
        threads = [threading.Thread(target=self._call_in_thread, args=(caller,)) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _call_in_thread(self, caller: Callable[[], Any]) -> None:
        self._moments.append(time.perf_counter())
        for _ in range(self.calls // CALLERS):
            try:
                caller()
            except Exception as error:
                self.errors.append(error)
        self._one_has_done()

    async def call_in_task(self, client: Any) -> None:
        """Make one caller's share of the calls, one after the other."""
        self._moments.append(time.perf_counter())
        for _ in range(self.calls // CALLERS):
            try:
                await self.kind.ask(client)
            except Exception as error:
                self.errors.append(error)
        self._one_has_done()

    def _one_has_done(self) -> None:
        with self._counting:
            self.callers_left -= 1
        self._moments.append(time.perf_counter())
