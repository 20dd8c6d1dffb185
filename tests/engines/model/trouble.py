"""What befalls a small world: one thing at a time, each over before the next begins, drawn by the world's own dice.

The promise is about the loss of any one of three: the engine's data, a host's file, a right clock. So each of these
is over only when everybody was served again. What came of it stays: keys that run ahead of the clock.
"""

import asyncio

BREAKS = ("partition", "half_open", "dropped", "frozen", "killed", "restart")
LOSSES = ("forgotten", "yesterday", "promoted")
CLOCKS = ("clock",)
FILES = ("file",)
PAUSES = (0.1, 0.4, 3.5)  # the last is longer than a lease


class Trouble:
    """Faults. A method returns when its fault is over."""

    def __init__(self, world):
        self.world, self.dice = world, world.dice
        self.done = []

    async def strike(self, faults, rest):
        name = self.dice.choice(faults)
        self.done.append(name)
        self.world.note(f"--- {name}")
        await getattr(self, name)(self.dice.choice(self.world.hosts))
        self.world.note(f"--- {name} is over")
        if name in LOSSES + CLOCKS + FILES:
            await self.world.recovery()
        await asyncio.sleep(self.dice.uniform(rest / 2, rest))

    async def partition(self, host):
        host.link.cut()
        await asyncio.sleep(self.dice.choice(PAUSES))
        host.link.heal()

    async def half_open(self, host):
        host.link.hold()
        await asyncio.sleep(self.dice.choice(PAUSES))
        host.link.heal()

    async def dropped(self, host):
        host.link.drop()

    async def frozen(self, host):
        process = host.process
        process.freeze()
        await asyncio.sleep(self.dice.choice(PAUSES))
        process.thaw()

    async def killed(self, host):
        host.kill()
        await asyncio.sleep(self.dice.uniform(0, 0.5))
        host.start()

    async def file(self, host):
        host.kill()
        host.lose_file()
        host.start()

    async def restart(self, host):
        """The engine is started again, and has lost nothing."""
        await self._away(self.world.side.restart)

    async def forgotten(self, host):
        self.world.side.forget_all()

    async def yesterday(self, host):
        await self._away(lambda: self.world.side.restore(self.dump))

    async def promoted(self, host):
        """A replica takes over that has lost what was written last."""
        data = self.world.side.snapshot()
        await asyncio.sleep(self.dice.uniform(0, 1))
        await self._away(lambda: self.world.side.restore(data))

    async def clock(self, host):
        self.world.shift = self.dice.uniform(-10, 10)

    def save_dump(self):
        self.dump = self.world.side.snapshot()

    async def _away(self, change):
        world = self.world
        world.is_down = True
        for each in world.hosts:
            each.link.drop()
        await asyncio.sleep(self.dice.uniform(0.001, 0.5))
        change()
        world.is_down = False
