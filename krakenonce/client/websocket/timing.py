"""How long a session waits for what. Pure.

Sources: https://docs.kraken.com/api/docs/guides/spot-ws-intro and Kraken's advice on reconnecting: at once only a
handful of times, then with growing pauses; after maintenance at most every 5 s; 5 s of silence mean a dead connection.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, all of them.

    Parameters:
        at_once: how many attempts in a row follow without a pause.
        first_s, longest_s: the bounds of the pauses that follow then, each twice the one before.
        stable_s: after how long a connection counts as good, so that counting begins anew.
        silence_s: how long an exchange may be silent before the connection is taken to be dead; heartbeats come once a
            second (https://docs.kraken.com/api/docs/websocket-v2/heartbeat).
        open_s: how long opening may take.
        answer_s: how long an answer is waited for.
        maintenance_s: the least pause while the exchange says that it is not online.
    """

    at_once: int = 4
    first_s: float = 1.0
    longest_s: float = 60.0
    stable_s: float = 30.0
    silence_s: float = 5.0
    open_s: float = 15.0
    answer_s: float = 10.0
    maintenance_s: float = 5.0

    def pause_s(self, failures: int, chance: random.Random, least_s: float = 0.0) -> float:
        """Return how long to wait before the next attempt, after *failures* in a row.

        Drawn between half of the bound and the whole, so that a hundred sessions that broke together do not come back
        together.
        """
        if failures <= self.at_once:
            return least_s * chance.uniform(1, 1.5)
        bound = min(self.longest_s, self.first_s * 2.0 ** min(failures - self.at_once - 1, 30))
        return max(bound * chance.uniform(0.5, 1), least_s * chance.uniform(1, 1.5))
