"""A request that timed out half sent is never completed later."""

import asyncio
import socket

from krakenonce.client.wire import Wire
from krakenonce.kraken.replies import Unknown
from tests.leap import LONG_S, time_out_when

SIZE = 1_000_000


async def test_what_was_not_sent_at_the_time_out_is_never_sent():
    connected, read_on, total = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop().create_future()

    async def read_late(reader, writer):
        count = 0
        connected.set()
        await read_on.wait()
        try:
            while block := await reader.read(65536):
                count += len(block)
        except ConnectionResetError:
            pass  # the reset is what the test is about; what counts is how much came before it
        writer.close()
        total.set_result(count)

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    async with await asyncio.start_server(read_late, sock=listener, limit=4096):
        wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=LONG_S)
        async with time_out_when(connected.is_set):
            outcome = await wire.post("/0/private/AddOrder", b"x" * SIZE, {"Content-Type": "text/plain"})
        assert outcome == Unknown("connection lost: time-out")
        read_on.set()
        assert await asyncio.wait_for(total, LONG_S) < SIZE
        await wire.close()
