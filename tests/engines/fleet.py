"""Hosts of a test: processes with clocks of their own, each behind a proxy of its own, and the trouble they meet."""

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.engines.conftest import FAST
from tests.engines.proxy import Proxy
from tests.engines.shifted import shift

ROOT = Path(__file__).parents[2]


class Member:
    """One process and its proxy."""

    def __init__(self, server, url, keys, clock, options=FAST, **task):
        self.proxy = Proxy(server.port)
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
LOSSES = ("forgotten", "yesterday")
CLOCKS = ("clock_forward", "clock_back")


class Trouble:
    """Faults, drawn by a seeded dice. Each is over when its method returns, or soon after."""

    def __init__(self, server, members, seed, keep):
        self.server, self.members = server, members
        self.dice = random.Random(seed)
        self.done = []
        self._pause = threading.Event()
        self._keep = keep
        server.save_dump()

    def strike(self, faults, rest):
        """Do one of *faults*, and let calls happen for about *rest* seconds."""
        name = self.dice.choice(faults)
        self.done.append(name)
        getattr(self, name)(self.dice.choice(self.members))
        self.wait(self.dice.uniform(rest / 2, rest))

    def wait(self, seconds):
        self._pause.wait(seconds)

    def partition(self, member):
        member.proxy.cut()
        self.wait(self.dice.choice((0.1, 0.3, 2.2)))
        member.proxy.heal()

    def half_open(self, member):
        member.proxy.hold()
        self.wait(self.dice.choice((0.1, 0.3, 2.2)))
        member.proxy.heal()

    def dropped(self, member):
        member.proxy.drop()

    def frozen(self, member):
        member.process.send_signal(signal.SIGSTOP)
        self.wait(self.dice.choice((0.2, 0.5, 2.2)))  # past the lease, often enough
        member.process.send_signal(signal.SIGCONT)

    def killed(self, member):
        member.kill()
        member.start()

    def restart(self, member):
        self.server.restart()

    def forgotten(self, member):
        self.server.forget_all()

    def yesterday(self, member):
        self.server.restore_dump()

    def clock_forward(self, member):
        shift(self.server, self.dice.randrange(0, 11))

    def clock_back(self, member):
        shift(self.server, -self.dice.randrange(0, 11))
