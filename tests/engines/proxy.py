"""A TCP proxy that cuts, delays and half-opens connections, and counts what goes through."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards every connection to a port of 127.0.0.1.

    Attributes:
        sent: how many times a client said something: one for each request of a client that waits for its answer.
        target: the port; a change counts for connections that are made later.
    """

    def __init__(self, target):
        self.target = target
        self.sent = 0
        self.delay = 0.0
        self._open = threading.Event()
        self._open.set()
        self._refusing = False
        self._pause = threading.Event()
        self._pairs = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Close every connection, and every new one, until `heal`."""
        self._refusing = True
        self.drop()

    def drop(self):
        """Close every connection, once."""
        for pair in list(self._pairs):
            for end in pair:
                _shut(end)

    def hold(self):
        """Let connections stand, and nothing through, until `heal`: what a dead router does."""
        self._open.clear()

    def heal(self):
        """Let everything through again."""
        self._refusing = False
        self._open.set()

    def close(self):
        self._pause.set()
        self._listener.close()
        self.cut()
        self._open.set()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._open.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.settimeout(None)
        pair = (client, server)
        self._pairs.add(pair)
        back = threading.Thread(target=self._pump, args=(server, client, 0), daemon=True)
        back.start()
        self._pump(client, server, 1)
        back.join()
        self._pairs.discard(pair)
        client.close()
        server.close()

    def _pump(self, source, sink, counts):
        try:
            while data := source.recv(65536):
                self.sent += counts
                if self.delay:
                    self._pause.wait(self.delay)
                self._open.wait()
                sink.sendall(data)
        except OSError:
            pass
        _shut(sink)
        _shut(source)


def _shut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
