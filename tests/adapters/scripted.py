"""An HTTP server that answers as the test says, and holds an answer back until the test lets it go.

For what the simulated exchange has no switch for: redirects, and requests that are caught in flight for certain.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from krakenonce.kraken.signing import sign

PATIENCE = 60  # seconds until a test that waits for the server gives up

GOOD = {"error": [], "result": {"ZUSD": "1.0"}}
TIME = {"error": [], "result": {"unixtime": 1_790_000_000, "rfc1123": "Mon, 21 Sep 26 13:33:20 +0000"}}


@dataclass
class Answer:
    """What to answer one request with: a JSON body unless *text* is given. Held back until *released* is set."""

    body: object = field(default_factory=lambda: GOOD)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    hangs_up: bool = False
    released: threading.Event | None = None


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    nonce: int | None
    is_signed_right: bool


class ScriptedServer:
    """Answers each method with its next scripted answer, or well. Use as a context manager."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.seen: list[Seen] = []
        self.ports: list[int] = []
        self.connections_lost = 0
        self._answers: dict[str, deque[Answer]] = {}
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *error):
        for answers in self._answers.values():
            for answer in answers:
                if answer.released:
                    answer.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, *answers: Answer) -> None:
        """Answer the next requests of *method* so."""
        self._answers.setdefault(method, deque()).extend(answers)

    def hold(self, method: str, **answer) -> threading.Event:
        """Hold the next answer to *method* back until the returned event is set."""
        released = threading.Event()
        self.answer(method, Answer(released=released, **answer))
        return released

    def wait_for(self, count: int) -> list[Seen]:
        """Block until *count* requests have arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, PATIENCE), self.seen
        return self.seen

    def wait_for_lost_connection(self) -> None:
        """Block until a client has closed the connection before its answer was sent."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.connections_lost, PATIENCE)

    def nonces(self) -> list[int]:
        return [seen.nonce for seen in self.seen if seen.nonce is not None]

    def methods(self) -> list[str]:
        return [seen.method for seen in self.seen]

    def record(self, seen: Seen) -> Answer:
        with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()
            waiting = self._answers.get(seen.method)
            return waiting.popleft() if waiting else Answer(TIME if seen.method == "Time" else GOOD)

    def record_loss(self) -> None:
        with self._changed:
            self.connections_lost += 1
            self._changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    owner: ScriptedServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: no waiting for delayed acknowledgements

    def do_GET(self):
        self._reply(Seen(self._method(), None, is_signed_right=False))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = body.decode()
        params = json.loads(text) if text.startswith("{") else dict(urllib.parse.parse_qsl(text))
        signature = sign(self.path, params["nonce"], body, self.owner.secret)
        self._reply(Seen(self._method(), int(params["nonce"]), self.headers["API-Sign"] == signature))

    def _method(self):
        return self.path.partition("?")[0].rpartition("/")[2]

    def _reply(self, seen):
        self.owner.ports.append(self.client_address[1])
        answer = self.owner.record(seen)
        if answer.released:
            self._wait(answer.released)
        if answer.hangs_up:
            self.close_connection = True
            return
        body = json.dumps(answer.body).encode() if answer.text is None else answer.text.encode()
        kind = "application/json" if answer.text is None else "text/html"
        self.send_response(answer.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _wait(self, released):
        # Nothing more is to be read until the answer is sent: if there is, it is the end of the connection.
        self.connection.settimeout(0.01)
        while not released.is_set():
            try:
                gone = not self.connection.recv(1)
            except TimeoutError:
                continue
            except OSError:
                gone = True
            assert gone, "a client sent more before its answer"
            self.owner.record_loss()
            released.wait(PATIENCE)
        self.connection.settimeout(None)

    def log_message(self, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, BrokenPipeError):
            self.owner.record_loss()
