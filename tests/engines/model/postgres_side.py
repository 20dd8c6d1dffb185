"""A real PostgreSQL, with the time of the simulation, behind the simulated network. The functions are the real ones."""

import contextlib
from types import SimpleNamespace

import psycopg

from krakenonce.stores.postgres.engine import PostgresEngine
from krakenonce.stores.postgres.schema import migrate
from tests.engines.model.network import LOST, Connection
from tests.engines.model.strands import Bell

TABLES = ("lane", "session", "era")
_SIMULATED = """
create schema if not exists simulated;
create or replace function simulated.clock_timestamp() returns timestamptz language sql volatile as
$$ select 'epoch'::timestamptz + (current_setting('simulated.us')::bigint / 1000000) * interval '1 second'
    + (current_setting('simulated.us')::bigint % 1000000) * interval '1 microsecond' $$;
set search_path = simulated, pg_catalog, public;
set synchronous_commit = off;
"""
_OF_THE_WORLD = """
create or replace function krakenonce.timeline() returns text language sql volatile as
$$ select current_setting('simulated.timeline') $$;
create or replace function krakenonce.may_act(me text, with_incarnation bigint) returns text language sql volatile as
$$ select s.identity from krakenonce.session s where s.name = me and s.incarnation = with_incarnation
        and not s.dead and s.identity = krakenonce.timeline() $$;
"""


def _is_lazy(call):
    return "krakenonce.release_soon(" in call[0]


class PostgresSide:
    """The engine's side: the data, the time, who listens."""

    patience = None  # libpq waits for ever; the driver cuts the connection

    def __init__(self, server):
        self.real = psycopg.connect(server.url, autocommit=True, prepare_threshold=1)
        self.real.execute("drop schema if exists krakenonce cascade")
        migrate(self.real)
        self.real.execute(_SIMULATED)
        self.real.execute(_OF_THE_WORLD)
        self.ears = {}
        self.identity = 1
        self.on_disk = None
        self._announce()

    def engine(self, host, settings):
        make = lambda: Client(host, self)  # noqa: E731
        return PostgresEngine(make, make, settings)

    def run(self, calls, now_ns):
        """Run statements at the simulation's time; return their rows and what they push."""
        replies = []
        self.real.execute(f"set simulated.us = '{now_ns // 1000}'")
        for call in calls:
            before = self.snapshot() if _is_lazy(call) else None
            cursor = self.real.execute(*call)
            replies.append(cursor.fetchall() if cursor.description else [])
            self._sync(call, before, replies[-1])
        heard = [(push.channel.encode(), push.payload) for push in self.real.notifies(timeout=0)]
        return replies, heard

    def _sync(self, call, before, rows):
        """Whatever waits for the disk takes with it to the disk what did not."""
        if before is not None and rows[0][0] == "D":
            self.on_disk = self.on_disk or before
        elif "krakenonce.renew(" in call[0] or any(row[0] in ("G", "Q") for row in rows):
            self.on_disk = None

    def shown(self, call):
        return f"{call[0][:60]} {call[1:]}"

    def listen(self, channel, ear):
        self.ears[channel] = ear
        self.real.execute(f'listen "{channel}"')

    def forget_ear(self, channel, ear):
        if self.ears.get(channel) is ear:
            del self.ears[channel]
            self.real.execute(f'unlisten "{channel}"')

    def forget_all(self):
        self.on_disk = None
        for table in TABLES:
            self.real.execute(f"delete from krakenonce.{table}")

    def snapshot(self):
        return {table: self.real.execute(f"select * from krakenonce.{table}").fetchall() for table in TABLES}

    def restore(self, data):
        """Go on with older data, which shows: a restored dump or a promotion."""
        self.forget_all()
        for table, rows in data.items():
            for row in rows:
                places = ", ".join(["%s"] * len(row))
                self.real.execute(f"insert into krakenonce.{table} values ({places})", row)
        self.identity += 1
        self._announce()

    def restart(self):
        """A crash loses what nobody has waited for, and shows."""
        self.restore(self.on_disk or self.snapshot())

    def close(self):
        self.real.execute("drop schema krakenonce cascade")
        self.real.execute("drop schema simulated cascade")
        self.real.close()

    def _announce(self):
        self.real.execute(f"set simulated.timeline = 'timeline {self.identity}'")


class Client:
    """What psycopg offers the engine and the ear, on the simulated network."""

    info = SimpleNamespace(server_version=180000)

    def __init__(self, host, side):
        self.side, self.world = side, host.world
        self.connection = Connection(host, side.patience)
        self.connection.ask(lambda: None)
        self.connection.link.on_break(self._lose)
        self._bell, self._got, self._is_lost, self._channel = Bell(host), [], False, None

    def execute(self, statement, parameters=()):
        if self._is_lost:
            raise LOST
        if statement.startswith("listen"):
            self._channel = statement.split('"')[1]
            return self.connection.ask(self._listen)
        rows = self.connection.ask(lambda: self.world.run([(statement, parameters)])[0])
        return SimpleNamespace(fetchone=lambda: rows[0] if rows else None, fetchall=lambda: rows)

    def _listen(self):
        # A subscription that was stuck on a dead connection ends with it, and takes no newer one's place.
        if not self._is_lost:
            self.side.listen(self._channel, self)

    def pipeline(self):
        return contextlib.nullcontext()

    def notifies(self, timeout, stop_after):
        if not self._got and not self._is_lost:
            self._bell.await_ring(timeout)
        if self._is_lost:
            raise LOST
        got, self._got = self._got, []
        return [SimpleNamespace(payload=payload) for payload in got]

    def hear(self, payload):
        """Take in a push that has arrived."""
        self._got.append(payload)
        self._bell.ring()

    def fileno(self):
        """Asked for by whoever cuts the connection."""
        self._lose()
        self.connection.give_up()
        raise OSError("cut")

    def close(self):
        self._lose()

    def _lose(self):
        self._is_lost = True
        if self._channel is not None:
            self.side.forget_ear(self._channel, self)
        self._bell.ring()
