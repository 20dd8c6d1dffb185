"""Clients of the host in memory: they take turns as `Turn` does, and give up, are interrupted or killed meanwhile."""

import random
from collections import Counter

from krakenonce.clock import NS_PER_MS
from krakenonce.lanes.owner import Owner
from krakenonce.lanes.place import Place
from krakenonce.stores.file.seat import Seat
from krakenonce.stores.file.turnstile import TicketTurnstile
from tests.file.host import Host, Interrupted, Process
from tests.file.schedules import Schedule


class GaveUp(Exception):
    """A time-out, or a cancellation, at the moment that the dice chose."""


class Waiter:
    """As `ThreadWaiter`, `PatientWaiter` and `LoopWaiter`, for an actor."""

    def __init__(self, host, dice):
        self._schedule, self._dice = host.schedule, dice
        self._sleeps, self._place, self._is_woken = dice.random() < 0.5, None, False

    def wake(self):
        self._is_woken = True

    def line_up(self, store, key, floor):
        self._place = store.line_up(key, floor) if self._sleeps else None
        return self._place or store.queue(key, floor, self.wake)

    def block(self):
        if self._place is not None:
            self._sleep(self._schedule.current)
            return True
        is_impatient = self._dice.random() < 0.4
        self._schedule.until(lambda: self._is_woken or is_impatient)
        return self._is_woken and self._dice.random() < 0.9

    def _sleep(self, actor):
        actor.sleeps = True
        try:
            self._place.sleep()
        finally:
            actor.sleeps = False


class Run:
    """One schedule: some processes with some clients, and what the dice do to them."""

    def __init__(self, seed, seat_class=Seat, turnstile_class=TicketTurnstile):
        self.dice = random.Random(seed)
        self.schedule = Schedule(self.dice, self.dice.choice((0.02, 0.1, 0.3)))
        self.host = Host(self.schedule)
        count = self.dice.randrange(2, 4)
        self.processes = [Process(self.host, number + 1, seat_class, turnstile_class) for number in range(count)]
        self.kills = self.dice.randrange(2)
        self.tally = Counter()
        self.schedule.on_point = self._cause_trouble
        for process in self.processes:
            for _ in range(self.dice.randrange(1, 3)):
                self.schedule.add(lambda process=process: self._client(process), process)

    def run(self):
        """Run it, and see that nothing is left behind."""
        self.schedule.run()
        living = [process for process in self.processes if not process.is_dead]
        assert self.host.held == [], "a lock that nobody gives back"
        for process in living:
            for stats in (lane.stats() for lane in process.lanes):
                assert (stats.in_flight, stats.waiting) == (0, 0), "a lane that is not free"
            assert not process.seat._taken, "a seat that is not free"
            assert not process.seat._waiting, "a waiter that was forgotten"
        self.tally["turns"] = self.host.turns

    def _client(self, process):
        for _ in range(self.dice.randrange(1, 4)):
            lane = self.dice.choice(process.lanes)
            place = Place(lane, self.dice.randrange(4))
            try:
                if not place.take_at_once(Owner(id(place), None, None)):
                    self._drive(place.steps(lambda: Waiter(self.host, self.dice)))
            except (GaveUp, Interrupted) as end:
                self.tally[type(end).__name__] += 1
                continue
            nonce, place.grant = lane.issue(place.grant)
            self.host.begin(process, nonce)
            for _ in range(self.dice.randrange(4)):
                self.schedule.point()
            self.host.end()
            place.leave(nonce)

    def _drive(self, steps):
        try:
            for waiter in steps:
                if not waiter.block():
                    raise GaveUp
        finally:
            steps.close()

    def _cause_trouble(self):
        throw = self.dice.random()
        if throw < 0.01 and self.kills:
            self.kills -= 1
            self.tally["kills"] += 1
            self.host.kill(self.dice.choice(self.processes))
        elif throw < 0.05:
            self.host.clock.advance(self.dice.choice((1, 5 * NS_PER_MS, 4000 * NS_PER_MS)))
        elif throw < 0.1:
            sleeping = [actor for actor in self.schedule.actors if getattr(actor, "sleeps", False) and actor.condition]
            if sleeping:
                actor = self.dice.choice(sleeping)
                actor.process.interrupted.add(actor)


def explore(seeds, **parts):
    """Run one schedule per seed, up to the first failure. Returns what happened, counted, and the failure or None."""
    tally = Counter()
    for seed in seeds:
        run = Run(seed, **parts)
        tally["schedules"] += 1
        try:
            run.run()
        except AssertionError as failure:
            return tally, f"seed {seed}: {failure}"
        tally += run.tally
    return tally, None
