"""Transaction poolers before a PostgreSQL server: a small one of our own, and PgBouncer where there is one.

Ours speaks the protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html) and lends each
transaction the server connection that has been idle longest. So whatever a client sets, prepares or listens to stays
behind on a connection that others use next.
"""

import contextlib
import os
import pwd
import queue
import select
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import psycopg

from tests.engines.servers import free_port, until

_PROTOCOL, _NO_ENCRYPTION = 196608, (80877103, 80877104)
_ENDS_WITH_READY = (b"Q", b"S", b"F")  # a query, a sync, a function call


class Pooler:
    """Lends every transaction one of a few server connections.

    Attributes:
        port: where it listens.
        lent: how many transactions each of the server connections has served.
    """

    def __init__(self, server, size=2):
        self._server = server
        self._idle = queue.Queue()
        self.lent = [0] * size
        self._open = set()
        for number in range(size):
            self._idle.put(self._connection(number))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"postgresql://kn@127.0.0.1:{self.port}/postgres"

    def drop(self):
        """Close the connections of all clients, once."""
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.drop()
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().socket.close()

    def _connection(self, number):
        line = Line(socket.create_connection(("127.0.0.1", self._server.port)))
        parameters = b"user\0kn\0database\0postgres\0\0"
        line.socket.sendall(struct.pack("!ii", len(parameters) + 8, _PROTOCOL) + parameters)
        line.number, line.greeting = number, b""
        while (message := line.read())[:1] != b"Z":
            line.greeting += message  # that the user is let in, the server's parameters, a key to cancel with
        line.greeting += message
        return line

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(Line(client),), daemon=True).start()

    def _serve(self, client):
        self._open.add(client)
        with contextlib.suppress(OSError), client.socket:
            if self._greet(client):
                while (message := client.read())[:1] != b"X":
                    self._lend(client, message)
        self._open.discard(client)

    def _greet(self, client):
        while (code := struct.unpack("!i", client.read_untyped()[4:8])[0]) in _NO_ENCRYPTION:
            client.socket.sendall(b"N")
        line = self._idle.get()
        client.socket.sendall(line.greeting)
        self._idle.put(line)
        return code == _PROTOCOL

    def _lend(self, client, message):
        """Do one transaction of *client*, of which *message* is the beginning, on one server connection."""
        line = self._idle.get()
        line.drain()  # what was pushed meanwhile was for nobody
        self.lent[line.number] += 1
        try:
            _transact(client, line, message)
        except OSError:  # in the midst of a transaction
            line.socket.close()
            line = self._connection(line.number)
            raise
        finally:
            self._idle.put(line)


def _transact(client, line, message):
    awaited = _pass_on(message, line)
    while True:
        for source in _readable(client, line):
            message = source.read()
            if source is client:
                awaited += _pass_on(message, line)
                continue
            client.socket.sendall(message)
            awaited -= message[:1] == b"Z"
            if message[:1] == b"Z" and message[-1:] == b"I" and not awaited:
                return


def _pass_on(message, line):
    line.socket.sendall(message)
    return message[:1] in _ENDS_WITH_READY


def _readable(*lines):
    """Wait for one of *lines* to have something to read, and return those that do."""
    if ready := [line for line in lines if line.has_message]:
        return ready
    sockets = select.select([line.socket for line in lines], [], [])[0]
    return [line for line in lines if line.socket in sockets]


class Line:
    """A connection from which whole messages are read."""

    def __init__(self, connected):
        self.socket, self._held = connected, b""
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def has_message(self):
        return len(self._held) >= 5 and len(self._held) >= 1 + struct.unpack("!i", self._held[1:5])[0]

    def read(self):
        """Return a message: its letter, its length, what it says."""
        self._hold(5)
        return self._take(1 + struct.unpack("!i", self._held[1:5])[0])

    def read_untyped(self):
        """Return a message of the kind that begins a connection: no letter."""
        self._hold(4)
        return self._take(struct.unpack("!i", self._held[:4])[0])

    def drain(self):
        """Forget what has come in unasked."""
        while self._held or select.select([self.socket], [], [], 0)[0]:
            self.read()

    def _take(self, length):
        self._hold(length)
        message, self._held = self._held[:length], self._held[length:]
        return message

    def _hold(self, length):
        while len(self._held) < length:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the other end has closed")
            self._held += data


class PgBouncer:
    """The real thing, in transaction mode. It is not run as root, which it refuses."""

    def __init__(self, server, size=2):
        self.port = free_port()
        self._server, self._room = server, tempfile.TemporaryDirectory(prefix="pgbouncer-")
        settings = Path(self._room.name) / "settings.ini"
        settings.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={server.port} user=kn\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {size}\nserver_round_robin = 1\n"
        )
        who = {}
        if os.getuid() == 0:
            Path(self._room.name).chmod(0o755)
            nobody = pwd.getpwnam("nobody")
            who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._start = lambda: subprocess.Popen([PGBOUNCER, "-q", settings], **who, stderr=subprocess.DEVNULL)
        self._process = self._start()
        until(self._answers)

    url = Pooler.url

    def drop(self):
        """Start it again: every connection is lost."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._room.cleanup()

    def _answers(self):
        with psycopg.connect(self.url) as connection:
            return connection.execute("select true").fetchone()[0]


PGBOUNCER = os.environ.get("KRAKENONCE_PGBOUNCER")
POOLERS = [Pooler, *([PgBouncer] if PGBOUNCER else [])]
"""PgBouncer is not on the package index: the variable names its program where there is one."""
