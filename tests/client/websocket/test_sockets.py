"""Real sockets: bytes are handed over in the call, and peers that do not read, vanish or refuse are noticed."""

import asyncio
import base64
import hashlib
import struct

import pytest

from krakenonce.client.websocket import ConnectionLost, Dialer

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """A WebSocket server that only does what it is told to."""

    def __init__(self, status="101 Switching Protocols"):
        self.status = status
        self.connected = asyncio.Event()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v2"
        self.writers = []
        return self

    async def __aexit__(self, *_):
        for writer in self.writers:
            writer.transport.abort()
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        lines = [
            f"HTTP/1.1 {self.status}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
        ]
        if not self.status.startswith("101"):
            lines.append("Content-Length: 0")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        self.connected.set()

    async def read_frame(self):
        """Return the payload of the next (short, masked) frame."""
        head = await self.reader.readexactly(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(length)
        return bytes(byte ^ mask[place % 4] for place, byte in enumerate(data)).decode()

    def send(self, opcode, data):
        self.writer.write(bytes([0x80 | opcode, len(data)]) + data)


@pytest.fixture
async def peer():
    async with Peer() as peer:
        yield peer


async def test_text_is_handed_over_within_the_call_and_arrives_in_order(peer):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        texts = [f'{{"number":{number}}}' for number in range(200)]
        for text in texts:
            socket.write(text)  # no await between them
        assert [await peer.read_frame() for _ in texts] == texts
        await socket.close()


async def test_text_and_bytes_are_received_and_pings_are_answered(peer):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        peer.send(0x9, b"are you there")
        peer.send(0x1, b"text")
        peer.send(0x2, b"bytes")
        assert [await socket.receive(), await socket.receive()] == ["text", b"bytes"]
        assert await peer.read_frame() == "are you there"
        await socket.close()


async def test_a_peer_that_reads_nothing_loses_the_connection(peer):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        peer.writer.transport.pause_reading()
        text = "x" * 60_000
        receiving = asyncio.create_task(socket.receive())
        while not receiving.done():
            try:
                socket.write(text)
            except ConnectionLost:
                break
            await asyncio.sleep(0)
        with pytest.raises(ConnectionLost):
            await receiving
        await socket.close()


@pytest.mark.parametrize(("code", "pause_s"), [(1008, 5.0), (1001, 0.0)])
async def test_a_peer_that_closes_says_with_which_code(peer, code, pause_s):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        peer.send(0x8, struct.pack("!H", code))
        with pytest.raises(ConnectionLost, match=str(code)) as lost:
            await socket.receive()
        assert lost.value.pause_s == pause_s
        with pytest.raises(ConnectionLost):
            socket.write("too late")
        await socket.close()


async def test_a_peer_that_vanishes_ends_the_connection(peer):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        peer.writer.transport.abort()
        with pytest.raises(ConnectionLost):
            await socket.receive()
        await socket.close()


async def test_closing_does_not_wait_for_a_peer_that_is_gone(peer):
    async with Dialer(peer.url) as dialer:
        socket = await dialer.open()
        peer.writer.transport.pause_reading()
        await asyncio.wait_for(socket.close(), 60)


@pytest.mark.parametrize(("status", "pause_s"), [("429 Too Many", 60.0), ("403 Forbidden", 60.0), ("503 Later", 0.0)])
async def test_a_refused_handshake_says_how_long_to_stay_away(status, pause_s):
    async with Peer(status) as peer, Dialer(peer.url) as dialer:
        with pytest.raises(ConnectionLost, match=status[:3]) as lost:
            await dialer.open()
        assert lost.value.pause_s == pause_s


async def test_nobody_there():
    async with Peer() as peer:
        url = peer.url
    async with Dialer(url) as dialer:
        with pytest.raises(ConnectionLost, match="no connection"):
            await dialer.open()


def test_attempts_at_kraken_are_counted_and_those_on_this_machine_are_not():
    near, far = Dialer("ws://127.0.0.1:1/v2"), Dialer("wss://ws-auth.kraken.com/v2")
    assert {near.wait_s(urgent=False) for _ in range(500)} == {0.0}
    waits = [far.wait_s(urgent=False) for _ in range(121)]
    assert waits[:120] == [0.0] * 120
    assert waits[120] > 500
    assert far.wait_s(urgent=True) == 0.0
