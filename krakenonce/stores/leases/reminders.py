"""What a process comes back to after a while: keys it waits for, keys it handed over."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from krakenonce.stores.leases.timers import Timers


class Reminders:
    """One appointment for each key at the most, of either kind. Acts on the timers' thread.

    Parameters:
        timers: what calls back.
        dice: spreads what many processes would ask at the same moment.
        ask_again: is told of a key that was waited for long enough without a word.
        pass_on: is told of a key, and the generation under which it was handed over, that may not have arrived.
    """

    def __init__(
        self,
        timers: Timers,
        dice: random.Random,
        ask_again: Callable[[str], None],
        pass_on: Callable[[str, int], None],
    ) -> None:
        self._timers, self._dice = timers, dice
        self._ask_again, self._pass_on = ask_again, pass_on
        self._numbers = itertools.count()
        self._awaited: dict[str, int] = {}
        self._handed: dict[str, int] = {}

    def wait_for(self, key: str, seconds: float) -> None:
        """Have *key* asked for again after *seconds*; an earlier appointment is void."""
        self._awaited[key] = number = next(self._numbers)

        def remind() -> None:
            if self._awaited.get(key) == number:
                del self._awaited[key]
                self._ask_again(key)

        self._timers.after(seconds + self._dice.uniform(0.01, 0.05), remind)

    def look_after(self, key: str, generation: int, seconds: float) -> None:
        """Have *key* passed on after *seconds*, unless it came back meanwhile and was handed over once more."""
        is_watched = key in self._handed
        self._handed[key] = generation
        if not is_watched:
            self._watch(key, generation, seconds)

    def _watch(self, key: str, generation: int, seconds: float) -> None:
        def look() -> None:
            latest = self._handed[key]
            if latest != generation:
                self._watch(key, latest, seconds)
                return
            del self._handed[key]
            self._pass_on(key, generation)

        self._timers.after(seconds, look)
