"""A line to the exchange on which one answer never comes back: the order executes, and nobody hears of it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

HUNG_METHOD = b"POST /0/private/AddOrder "


class HungLine:
    """Forwards a TCP port to the exchange, byte by byte, while the ``async with`` block runs.

    Once armed, it lets the next order through and keeps its answer, and whatever else comes on that connection, until
    the client hangs up. Later connections are served as before.

    Parameters:
        exchange_url: where to forward to.
    """

    def __init__(self, exchange_url: str) -> None:
        parts = urlsplit(exchange_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._armed = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.hung = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def arm(self) -> None:
        """Keep the answer of the next order."""
        self._armed = True

    async def _forward(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward_until_the_end(client, to_client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward_until_the_end(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        exchange, to_exchange = await asyncio.open_connection(self._host, self._port)
        silent = asyncio.Event()
        try:
            await asyncio.gather(
                self._pass_requests(client, to_exchange, silent), self._pass_answers(exchange, to_client, silent)
            )
        except OSError:
            silent.set()  # one of the two has reset the connection: nothing is left to forward
        finally:
            to_exchange.close()
            to_client.close()

    async def _pass_requests(
        self, client: asyncio.StreamReader, to_exchange: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while block := await client.read(65536):
            if self._armed and block.startswith(HUNG_METHOD):
                self._armed = False
                self.hung += 1
                silent.set()
            to_exchange.write(block)
            await to_exchange.drain()
        to_exchange.close()

    @staticmethod
    async def _pass_answers(
        exchange: asyncio.StreamReader, to_client: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        while block := await exchange.read(65536):
            if not silent.is_set():
                to_client.write(block)
                await to_client.drain()
        to_client.close()
