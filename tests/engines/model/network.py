"""The network between simulated hosts and an engine: slow, cut, held, dropped. Replies are lost as well as requests."""

from tests.engines.model.strands import TIMED_OUT, Strand

LOST = ConnectionError("the connection was lost")


class Link:
    """One host's way to the engine.

    Attributes:
        lives: counts the connections: whatever belongs to an older one is lost.
    """

    def __init__(self, world):
        self.world = world
        self.lives = 0
        self.is_cut = self.is_held = False
        self._stuck, self._broken = [], []

    def drop(self):
        """Lose every connection. What is under way may have been done, or never will be."""
        self.lives += 1
        broken, self._broken = self._broken, []
        for tell in broken:
            tell()

    def cut(self):
        self.is_cut = True
        self.drop()

    def hold(self):
        self.is_held = True

    def heal(self):
        self.is_cut = self.is_held = False
        stuck, self._stuck = self._stuck, []
        for go_on in stuck:
            self.world.later(self.world.dice.uniform(0, 0.01), go_on)

    def pass_on(self, life, action):
        """Do *action* when the network lets it through, which may be never."""
        if self.is_held:
            self._stuck.append(lambda: self.pass_on(life, action))
        elif not self.is_cut and life == self.lives:
            action()

    def on_break(self, tell):
        self._broken.append(tell)


class Connection:
    """What a client library has in its hands: asks, and waits for the answer."""

    def __init__(self, host, patience):
        self.host, self.link, self.world = host, host.link, host.world
        self._patience = patience
        self.life = self.link.lives
        self._wake = lambda value: None

    def give_up(self):
        """Let whoever waits for an answer wait no longer."""
        self._wake(LOST)

    def ask(self, act):
        """Have the engine do *act* and return what it returns.

        Raises:
            TimeoutError, ConnectionError: whether it was done is not known.
        """
        if self.link.is_cut or self.life != self.link.lives or self.world.is_down:
            raise LOST
        strand, world = Strand.current(), self.world
        ticket = strand.next_ticket
        there, back = world.latency(), world.latency()
        wake = self._wake = self._waker(strand, ticket)

        def arrive():
            if world.is_down:
                return
            result = act()
            world.later(back, lambda: self.link.pass_on(self.life, lambda: wake(result)))

        world.later(there, lambda: self.link.pass_on(self.life, arrive))
        self.link.on_break(lambda: wake(LOST))
        answer = strand.park(self._patience)
        if answer is TIMED_OUT:
            raise TimeoutError("no answer in time")
        return answer

    def _waker(self, strand, ticket):
        return lambda value: self.host.later(0, lambda: strand.wake(ticket, value))
