"""What was filled before copying began: it is known, and never delivered."""

from __future__ import annotations

import logging

from krakenonce.broker import KrakenBroker
from krakenonce.copytrader.feed.alarm import Alarm
from krakenonce.copytrader.feed.auditing import NOT_READ
from krakenonce.copytrader.feed.sieve import Sieve
from krakenonce.copytrader.feed.standing import FeedStanding

log = logging.getLogger("krakenonce")

FIRST_PAUSE_S = 1.0


async def put_behind(
    master: str, broker: KrakenBroker, sieve: Sieve, standing: FeedStanding, alarm: Alarm, longest_s: float
) -> None:
    """Take what the books of *master* show now for known: tried again until they can be read.

    Parameters:
        alarm: ends a pause; longest_s: how long a pause may be, in seconds.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            for fill in await broker.fills(sieve.since_ns):
                sieve.take(fill.exec_id, fill.time_ns)
            return
        except NOT_READ as error:
            standing.failed += 1
            log.warning("%s: the books can't be read now (%s)", master, error)
            await alarm.wait(pause_s)
            pause_s = min(2 * pause_s, longest_s)
