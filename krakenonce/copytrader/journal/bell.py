"""How workers wake one another through their database: a word is called out, and whoever listens looks at once.

Nothing depends on being heard. Each worker looks by itself every now and then; the call only saves the wait. Source:
https://www.postgresql.org/docs/current/sql-notify.html (a transaction's calls are heard once it is committed).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum

import psycopg

from krakenonce.client.budget import Sleep

log = logging.getLogger("krakenonce")

ASKED = "asked:"
"""So the names of those small facts in the journal begin that ask all workers for something."""

CHANNEL = "krakenonce_copy"
RING = f"SELECT pg_notify('{CHANNEL}', ?)"

AGAIN_S = 1.0
CONNECT_S = 5


class Word(StrEnum):
    """What is called out.

    Attributes:
        STANDINGS: somebody was switched: killed, paused, re-armed, asked to leave.
        LEASES: a worker has come, or users are free.
        FILES: the configuration is to be read again.
    """

    STANDINGS = "standings"
    LEASES = "leases"
    FILES = "files"


async def listen(url: str, hear: Callable[[Word], None], sleep: Sleep) -> None:
    """Call *hear* with every word that is called out, until cancelled; never fails.

    Each time the connection is there (again), STANDINGS and LEASES are taken for called out: nobody knows what was.

    Parameters:
        url: of the database, as libpq takes it; hear: must not wait; sleep: how to wait, in seconds.
    """
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=CONNECT_S
            ) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                hear(Word.STANDINGS)
                hear(Word.LEASES)
                async for heard in connection.notifies():
                    if heard.payload in set(Word):
                        hear(Word(heard.payload))
        except psycopg.Error as error:
            log.debug("others can't be heard at once for the moment (%s)", type(error).__name__)
        await sleep(AGAIN_S)
