"""A small world in simulated time: an engine, hosts with clocks and files of their own, an exchange, and trouble."""

import asyncio
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from krakenonce.clock import ManualClock
from krakenonce.errors import KrakenonceError, StoreUnavailable
from krakenonce.kraken.replies import Accepted, Unknown, judge_errors
from krakenonce.lanes.lane import Lane
from krakenonce.source import NonceSource
from krakenonce.stores.leases import LeasedStore, LeaseSettings
from tests.engines.model.network import Link
from tests.engines.model.strands import Strand, StrandPlumbing

SECOND = 10**9
NOW = 1_790_000_000 * SECOND
INVALID = judge_errors(("EAPI:Invalid nonce",))


PATIENCE = 60
"""Simulated seconds in which everybody must have come back."""


class Entry(NamedTuple):
    """One request at the exchange. It is late if it was sent under a lease that had ended: its sender was frozen."""

    seconds: float
    key: str
    nonce: int
    host: str
    is_late: bool
    is_accepted: bool


class HostClock:
    """A host's clocks: the wall is off, and the boot clock began when the host did."""

    def __init__(self, world, wall, boot):
        self._world, self._wall, self._boot = world, wall, boot

    def wall_ns(self):
        return NOW + self._world.clock.boot_ns() + self._wall

    def boot_ns(self):
        return self._world.clock.boot_ns() + self._boot


class Exchange:
    """Judges nonces as Kraken does, and writes everything down."""

    def __init__(self, world):
        self.world = world
        self.highest = {}
        self.log = []

    def judge(self, host, key, nonce, is_late):
        verdict = nonce > self.highest.get(key, 0)
        if verdict:
            self.highest[key] = nonce
        self.log.append(Entry(self.world.seconds, key, nonce, host.label, is_late, verdict))
        self.world.note(f"{host.label} sends {key} {nonce}: {'accepted' if verdict else 'REFUSED'}")
        return verdict

    def twice(self):
        return [sent for sent, times in Counter((entry.key, entry.nonce) for entry in self.log).items() if times > 1]

    def refusals(self):
        return [entry for entry in self.log if not entry.is_accepted]


class Process:
    """One process on a host: a store on the simulated engine, and a worker for each key."""

    def __init__(self, host):
        self.host, self.world, self.link, self.clock = host, host.world, host.link, host.clock
        self.strands, self.backlog = [], []
        self.is_dead = self.is_frozen = False
        self.store = None
        self.tasks = []
        Strand(self, self._open, "opens").start()

    # What the plumbing asks for.

    def later(self, seconds, action):
        self.world.later(seconds, lambda: self._do(action))

    def next_name(self):
        self.host.names += 1
        return f"{self.host.label}{self.host.names}"

    def _do(self, action):
        if self.is_frozen:
            self.backlog.append(action)
        elif not self.is_dead:
            action()

    # What befalls it.

    def freeze(self):
        self.is_frozen = True

    def thaw(self):
        self.is_frozen = False
        backlog, self.backlog = self.backlog, []
        for action in backlog:
            self._do(action)

    def kill(self):
        self.is_dead = True
        for task in self.tasks:
            task.cancel()
        for strand in self.strands:
            strand.kill()
        if self.store is not None and self.store._floors is not None:
            self.store._floors.close()
        self.link.drop()

    # What it does.

    def _open(self):
        settings = self.world.settings
        while self.store is None:
            side, where = self.world.side, LeaseSettings(**settings, floors=str(self.host.files))
            try:
                engine = side.engine(self, where)
                self.store = LeasedStore("model://", engine, where, self.clock, StrandPlumbing(self))
            except StoreUnavailable:
                Strand.current().park(0.25)
        for key in self.world.keys:
            lane = Lane(key, self.store, NonceSource(self.clock), self.clock)
            if key in self.world.ahead:
                lane.raise_floor(self.world.ahead.pop(key))
            self.tasks += [self.world.loop.create_task(self._work(lane)) for _ in range(self.world.tasks)]

    async def _work(self, lane):
        while True:
            try:
                await self._call(lane)
            except StoreUnavailable:
                self.host.unavailable += 1
            except KrakenonceError as error:
                self.host.errors.append(f"{self.world.seconds:.3f} {lane.key} {error}")
                self.world.note(f"{self.host.label} ERROR {lane.key} {error}")
            await asyncio.sleep(self.world.dice.expovariate(1 / self.world.pace))

    async def _call(self, lane):
        async with lane.turn() as turn:
            talk = turn.conversation()
            step = next(talk)
            while True:
                await self._thawed()
                nonce = await turn.atake(step)
                await self._thawed()
                is_late = self.clock.boot_ns() > turn._place.grant.until_boot_ns
                outcome = await self._send(lane.key, nonce, is_late)
                turn.settle(outcome)
                try:
                    step = talk.send(outcome)
                except StopIteration as end:
                    outcome = end.value
                    break
        if isinstance(outcome, Accepted):
            self.host.served[lane.key] = self.world.seconds
        elif not isinstance(outcome, Unknown):
            self.host.errors.append(f"{self.world.seconds:.3f} {lane.key} {outcome}")
            self.world.note(f"{self.host.label} SURFACED {lane.key}")

    async def _thawed(self):
        while self.is_frozen:
            await asyncio.sleep(0.01)

    async def _send(self, key, nonce, is_late):
        dice = self.world.dice
        there, back = dice.uniform(0.001, 0.02), dice.uniform(0.001, 0.02)
        if dice.random() < 0.01:
            await asyncio.sleep(self.world.settings["request_timeout"])  # lost on the way, and closed
            return Unknown("timed out")
        answer = self.world.loop.create_future()
        judge = self.world.exchange.judge
        self.world.later(there, lambda: answer.set_result(judge(self, key, nonce, is_late)))
        accepted = await asyncio.shield(answer)
        await asyncio.sleep(back)
        await self._thawed()
        return Accepted({}) if accepted else INVALID

    @property
    def label(self):
        return self.host.label


class Host:
    """A machine: its clocks, its file, its way to the engine, and the process on it."""

    def __init__(self, world, label, wall):
        self.world, self.label = world, label
        self.clock = HostClock(world, wall * SECOND, world.dice.randrange(10**15))
        self.files = world.directory / label
        self.link = Link(world)
        self.names = self.unavailable = 0
        self.errors, self.served = [], {}
        self.process = Process(self)

    def kill(self):
        self.process.kill()

    def start(self):
        self.process = Process(self)

    def lose_file(self):
        shutil.rmtree(self.files, ignore_errors=True)


class World:
    """Everything, driven by one seed."""

    def __init__(self, make_side, seed, directory, *, keys=2, hosts=3, tasks=1, pace=0.15, trace=False):
        self.clock, self.dice = ManualClock(boot_ns=0), random.Random(seed)
        self.settings = {"ttl": 2.0, "request_timeout": 0.5, "grace": 0.1}
        self.side = make_side()
        self.directory = Path(directory)
        self.keys = [f"00000000000000aa:{number:016x}" for number in range(keys)]
        self.tasks, self.pace = tasks, pace
        self.ahead = {self.keys[0]: NOW + 3600 * SECOND}  # as after a use with a wrong clock
        self.stuck = []
        self.shift = 0
        self.is_down = False
        self.trace = [] if trace else None
        self._count = hosts
        self.exchange = Exchange(self)

    async def begin(self):
        self.loop = asyncio.get_running_loop()
        walls = (0, 7, -7, 3600)
        self.hosts = [Host(self, "abcd"[number], walls[number]) for number in range(self._count)]

    def end(self):
        for host in self.hosts:
            host.kill()
        self.side.close()

    async def recovery(self):
        """Wait until every host was served for every key, or until it is clear that somebody never will be."""
        since = self.seconds
        for _ in range(PATIENCE * 10):
            await asyncio.sleep(0.1)
            self.stuck = [(h.label, key) for h in self.hosts for key in self.keys if h.served.get(key, 0) <= since]
            if not self.stuck:
                break

    def errors(self):
        return [error for host in self.hosts for error in host.errors]

    @property
    def seconds(self):
        return self.clock.boot_ns() / SECOND

    @property
    def engine_ns(self):
        return NOW + self.clock.boot_ns() + int(self.shift * SECOND)

    def note(self, text):
        if self.trace is not None:
            self.trace.append(f"{self.seconds:9.4f} {text}")

    def later(self, seconds, action):
        self.loop.call_later(seconds, action)

    def latency(self):
        return self.dice.uniform(0.0002, 0.003)

    def run(self, calls):
        """Have the engine run *calls* now, and deliver what it pushes."""
        replies, pushes = self.side.run(calls, self.engine_ns)
        if self.trace is not None:
            for call, reply in list(zip(calls, replies, strict=True))[: 1 if len(calls) == 16 else None]:
                self.note(f"  engine {self.side.shown(call)} -> {reply}")
        self.push(pushes)
        return replies

    def push(self, pushes):
        for channel, data in pushes:
            ear = self.side.ears.get(channel.decode())
            if ear is not None:
                link, life = ear.connection.link, ear.connection.life
                self.later(self.latency(), lambda ear=ear, data=data: link.pass_on(life, lambda: ear.hear(data)))
