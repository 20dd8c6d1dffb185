"""A server that behaves as badly as a test wants, on a real socket, and judges nonces by its own arithmetic.

The simulator is the place for orders and markets; this one is for what happens below HTTP.
"""

import asyncio
import json
import random
from collections import Counter
from urllib.parse import parse_qs

OK = b'{"error":[],"result":{"ok":true}}'


def http(status, body, content_type="application/json"):
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class ScriptedExchange:
    """Answers every POST by the next step of its script, then with success.

    Steps: ``"ok"``, ``"hang"``, ``"hold"`` (until `release`), ``"reset"``, ``"close"``, ``"half"`` (a truncated
    answer), ``("http", status, body)``, ``("error", text)``. Before each answer it waits latency ± jitter
    milliseconds, and only then looks at the nonce.
    """

    def __init__(self, *script, latency_ms=0, jitter_ms=0, seed=1):
        self.script = list(script)
        self.nonces, self.bodies, self.heads = [], [], []
        self.highest = Counter()
        self.refused = 0
        self.in_flight = Counter()
        self.most_in_flight = 0
        self.connections = 0
        self.ended = asyncio.Event()
        self.hanging = asyncio.Event()
        self._released = asyncio.Event()
        self._random = random.Random(seed)
        self._latency, self._jitter = latency_ms, jitter_ms
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def release(self):
        """Let what is held be answered."""
        self._released.set()

    def hang_up(self):
        """Close every connection, also those that hang."""
        for task in self._tasks:
            task.cancel()

    async def __aexit__(self, *_):
        self._server.close()
        self.hang_up()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended.set()
        finally:
            writer.close()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        self.heads.append(head)
        self.bodies.append(body)
        key = next((line[9:] for line in head.splitlines() if line.lower().startswith("api-key:")), "")
        self.in_flight[key] += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[key])
        await asyncio.sleep(max(0, self._random.uniform(-1, 1) * self._jitter + self._latency) / 1000)
        self.in_flight[key] -= 1
        step = self.script.pop(0) if self.script else "ok"
        return await self._act(step, self._judged(key, body), reader, writer)

    def _judged(self, key, body):
        text = body.decode()
        nonce = int(json.loads(text)["nonce"] if text.startswith("{") else parse_qs(text)["nonce"][0]) if text else None
        if nonce is None:
            return OK
        if nonce <= self.highest[key]:
            self.refused += 1
            return b'{"error":["EAPI:Invalid nonce"]}'
        self.highest[key] = nonce
        self.nonces.append(nonce)
        return OK

    async def _act(self, step, answer, reader, writer):
        if step == "hang":
            self.hanging.set()
            await reader.readexactly(1)
        elif step == "hold":
            self.hanging.set()
            await self._released.wait()
            writer.write(http(200, answer))
        elif step == "reset":
            writer.transport.abort()
            return False
        elif step == "close":
            return False
        elif step == "half":
            writer.write(http(200, answer)[:-5])
            return False
        elif step == "ok":
            writer.write(http(200, answer))
        elif step[0] == "http":
            writer.write(http(step[1], step[2], "text/html"))
        else:
            writer.write(http(200, json.dumps({"error": [step[1]]}).encode()))
        await writer.drain()
        return True
