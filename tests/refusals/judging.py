"""Keys in every kind of trouble, in memory: the exchange's rule, others who use the key, a clock that is moved."""

import random
from dataclasses import dataclass, field

from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import LaneQuarantined
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Accepted, Meaning, Refused
from krakenonce.lanes import Lane
from krakenonce.nonce import UNITS, unit_of
from krakenonce.refusals.standing import BUDGET
from krakenonce.stores.memory import MemoryStore

NOW = 1_790_000_000 * NS_PER_SECOND
MINUTE = 60 * NS_PER_SECOND
INVALID = Refused(("EAPI:Invalid nonce",), Meaning(Action.NEW_NONCE, no_effect=True))


class UnitNumbers:
    """Numbers that follow a clock in one unit."""

    def __init__(self, unit, clock):
        self._unit, self._clock = unit, clock

    def next(self):
        return self._unit.at(self._clock.wall_ns())

    def check_process(self):
        pass


@dataclass
class Sent:
    """One request as the exchange saw it."""

    at_ns: int
    boot_ns: int
    call: int
    is_probe: bool
    nonce: int
    mark_before: int
    accepted: bool


@dataclass
class Key:
    """One key: the exchange's mark, and everything that arrived with our nonces."""

    clock: ManualClock
    unit: object
    mark: int = 0
    sent: list = field(default_factory=list)

    def receive(self, call, nonce, *, is_probe):
        before, accepted = self.mark, nonce > self.mark
        self.mark = max(self.mark, nonce)
        self.sent.append(Sent(self.clock.wall_ns(), self.clock.boot_ns(), call, is_probe, nonce, before, accepted))
        return Accepted({"nonce": str(self.mark), "nonce_window": "0"} if is_probe else {}) if accepted else INVALID


def make_lane(clock, unit, store=None):
    return Lane("00000000000000aa:00000000000000bb", store or MemoryStore(), UnitNumbers(unit, clock), clock)


def call(lane, key, number, meanwhile=lambda: None):
    """Make one call as the clients' drivers do; return its outcome, or the quarantine that kept it back."""
    try:
        with lane.turn() as turn:
            talk = turn.conversation()
            step = next(talk)
            while True:
                nonce = turn.take(step)
                meanwhile()
                turn.settle(key.receive(number, nonce, is_probe=step.is_probe))
                try:
                    step = talk.send(turn.outcome)
                except StopIteration as end:
                    return end.value
    except LaneQuarantined as kept_back:
        return kept_back


def play(seed):
    """Let one key get into a random kind of trouble, and make calls for an hour; return it with its consent."""
    dice = random.Random(seed)
    clock = ManualClock(wall_ns=NOW)
    unit = dice.choice(UNITS)
    key, lane = Key(clock, unit), make_lane(clock, unit)
    consent = dice.choice([None, None, dice.choice(UNITS)])
    lane.watch.consent = consent
    stranger = _stranger(dice, clock, key)
    poisoned_at = dice.randrange(3)
    for number in range(dice.randrange(4, 16)):
        if number == poisoned_at:
            key.mark = max(key.mark, _mark(dice, unit))
        call(lane, key, number, stranger)
        clock.advance(int(dice.choice([0.01, 1, 20, 100, 1000]) * dice.random() * NS_PER_SECOND))
        if dice.random() < 0.1:
            clock.step(dice.randrange(-3600, 60) * NS_PER_SECOND)
    return key, consent


def _mark(dice, unit):
    """Return the number that the key's mark is raised to."""
    ahead = dice.choice([0, 1, 30, 500, 3600, 86_400, 10**8]) * dice.random()
    kinds = [
        lambda: 0,
        lambda: unit.at(NOW + int(ahead * NS_PER_SECOND)),
        lambda: dice.choice(UNITS).at(NOW),
        lambda: dice.randrange(2**64),
        lambda: 10 ** dice.randrange(1, 20),
    ]
    return dice.choice(kinds)()


def _stranger(dice, clock, key):
    """Return what another program does between the issue of a nonce and its arrival."""
    share, unit = dice.choice([0, 0, 0.05, 0.5, 1]), dice.choice(UNITS)
    lead = dice.choice([-5, 0, 0.1, 3, 700])

    def meddle():
        if dice.random() < share:
            key.mark = max(key.mark, unit.at(clock.wall_ns() + int(lead * NS_PER_SECOND)))

    return meddle


def faults_of(key, consent):
    """Return every way in which what was sent breaks the rules of healing."""
    refused = [sent for sent in key.sent if not sent.accepted]
    calls = {sent.call for sent in key.sent}
    allowed = max(key.unit.per_second, consent.per_second if consent else 0)
    found = []
    for number in calls:
        own = [sent for sent in key.sent if sent.call == number]
        if sum(not sent.accepted for sent in own) > 3:
            found.append("more than three refusals in one incident")
        if sum(not sent.is_probe for sent in own) > 2:
            found.append("a request was sent more than twice")
    for most, span in BUDGET:
        for first, last in zip(refused, refused[most:], strict=False):
            if last.boot_ns - first.boot_ns < span:
                found.append(f"more than {most} refusals in {span // NS_PER_SECOND} s")
    found += [
        "a nonce went down"
        for former, later in zip(key.sent, key.sent[1:], strict=False)
        if later.nonce <= former.nonce
    ]
    for sent in key.sent:
        if unit_of(sent.nonce).per_second > allowed:
            found.append("the unit was raised without consent")
        if sent.accepted and unit_of(sent.nonce) is key.unit and _overshoot(key.unit, sent) > 600:
            found.append("the mark was raised by more than ten minutes")
    return found


def _overshoot(unit, sent):
    """Return by how many seconds an accepted nonce exceeds what was needed."""
    needed = max(sent.mark_before, unit.at(sent.at_ns))
    return (sent.nonce - needed) / unit.per_second
