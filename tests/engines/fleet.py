"""Hosts of a test: processes with clocks of their own, each behind a proxy of its own, and the trouble they meet."""

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.engines.proxy import Proxy
from tests.engines.shifted import shift

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
PATIENT = f"?ttl=300&request_timeout={PATIENCE_S}&claim={PATIENCE_S}"
"""For runs without faults: a machine that stands still for seconds is none, and no call times out on it."""


class Member:
    """One process and its proxy."""

    def __init__(self, server, url, keys, clock, options="", files="", **task):
        self.proxy, self.files = Proxy(server.port), files
        options += f"&floors={files}" if files else ""
        store = server.url.replace(f":{server.port}/", f":{self.proxy.port}/") + options
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the member
        self.task = {"store": store, "url": url, "keys": keys, "clock": clock, **task}
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.host"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, text=True,
        )  # fmt: skip
        self.say(json.dumps(self.task))
        if self.process.stdout.readline() != "ready\n":
            self.complaints.seek(0)
            raise AssertionError(self.complaints.read())

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def count(self):
        """Return how many calls were accepted, by key."""
        self.say("count")
        return json.loads(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        """Let it end in order, and return what it counted."""
        try:
            out, _ = self.process.communicate("stop\n", timeout=30)
        finally:
            self.process.kill()
            self.proxy.close()
            self.complaints.close()
        return json.loads(out.splitlines()[-1])


BREAKS = ("partition", "half_open", "dropped", "frozen", "killed", "restart")
LOSSES = ("forgotten", "yesterday", "promoted", "file")
CLOCKS = ("clock",)
PAUSES = (0.1, 0.3, 2.2)  # the last is longer than a lease


class Trouble:
    """Faults, drawn by a seeded dice. Each is over when its method returns.

    The promise is about the loss of any one of three: the engine's data, a host's file, a right clock. So before one of
    them is lost, and after it, everybody must have been served. What came of an earlier loss stays: keys that run ahead
    of the clock by seconds or an hour.
    """

    def __init__(self, server, members, names, seed, keep):
        self.server, self.members, self.names = server, members, names
        self.dice = random.Random(seed)
        self.done = []
        self._pause = threading.Event()
        self._keep = keep
        server.save_dump()

    def strike(self, faults, rest=0.3):
        """Do one of *faults*."""
        name = self.dice.choice(faults)
        self.done.append(name)
        print(name, flush=True)
        if name in LOSSES + CLOCKS:
            self.recover()
        getattr(self, name)(self.dice.choice(self.members))
        if name in LOSSES + CLOCKS:
            self.recover()
        else:
            self.wait(self.dice.uniform(rest / 2, rest))

    def recover(self, seconds=90):
        """Wait until every member was served for every key once more. Nobody helps them."""
        before = [member.count() for member in self.members]
        pairs = list(zip(self.members, before, strict=True))
        for _ in range(int(seconds / 0.1)):
            pairs = [(member, was) for member, was in pairs if not self._served_since(member, was)]
            if not pairs:
                return
            self.wait(0.1)
        raise AssertionError(f"not recovered: {[(member.task['clock'], was) for member, was in pairs]}")

    def _served_since(self, member, before):
        now = member.count()
        return all(now.get(name, 0) > before.get(name, 0) for name in self.names)

    def wait(self, seconds):
        self._pause.wait(seconds)

    def partition(self, member):
        member.proxy.cut()
        self.wait(self.dice.choice(PAUSES))
        member.proxy.heal()

    def half_open(self, member):
        member.proxy.hold()
        self.wait(self.dice.choice(PAUSES))
        member.proxy.heal()

    def dropped(self, member):
        member.proxy.drop()

    def frozen(self, member):
        member.process.send_signal(signal.SIGSTOP)
        self.wait(self.dice.choice(PAUSES))
        member.process.send_signal(signal.SIGCONT)

    def killed(self, member):
        member.kill()
        member.start()

    def file(self, member):
        """The host loses its disk, and so its process."""
        member.kill()
        shutil.rmtree(member.files)
        member.start()

    def restart(self, member):
        self.server.restart()

    def forgotten(self, member):
        shift(self.server, 0)
        self.recover()
        self.server.forget_all()

    def yesterday(self, member):
        shift(self.server, 0)
        self.recover()
        self.server.restore_dump()

    def promoted(self, member):
        """A replica takes over that has lost what was written last."""
        shift(self.server, 0)
        old, self.server = self.server, self._keep(self.server.replica())
        self.server.stop_following()
        self.wait(self.dice.uniform(0.1, 0.5))
        old.kill()
        self.server.promote()
        for each in self.members:
            each.proxy.target = self.server.port
            each.proxy.drop()
        self.server.save_dump()

    def clock(self, member):
        shift(self.server, self.dice.randrange(-10, 11))
