"""One act: the master trades, everybody is copied by the engine, and the exchange's figures tell what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from krakenonce.broker import Order
from krakenonce.cli.demo.cast import Cast, User, beside
from krakenonce.clock import SystemClock
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.setting import Setting
from krakenonce.copytrader.feed import ExecutionsFeed, FeedOptions
from krakenonce.copytrader.journal import CopyJournal, open_copy_journal
from krakenonce.errors import KrakenonceError

PAUSE_S = 0.1
POLL_S = 0.05
LONGEST_WAIT_S = 40
CURRENCY = "ZUSD"

_DECIDED = "SELECT user_name, count(*) FROM copy_decisions GROUP BY user_name"
_ACKNOWLEDGED = """SELECT o.user_name, o.acknowledged_ns - f.received_ns FROM copy_orders o
    JOIN copy_fills f ON f.master = o.master AND f.exec_id = o.exec_id
    WHERE o.acknowledged_ns > 0 AND o.attempt = 0 AND o.planned_ns >= ?"""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Act:
    """What happened.

    Attributes:
        users: who was copied.
        latencies_ns: by user, from learning of a fill to the acknowledgement of its copy.
        undecided: by user, how many of the master's fills he has not decided on.
        before, after: the exchange's figures.
    """

    users: tuple[User, ...]
    latencies_ns: Mapping[str, Sequence[int]]
    undecided: Mapping[str, int]
    before: dict[str, Any]
    after: dict[str, Any]


class Copying:
    """The engine at work for some of the cast; made by `copying`.

    Parameters:
        cast: everybody.
        copier: the engine, started.
        journal: what it writes.
    """

    def __init__(self, cast: Cast, copier: Copier, journal: CopyJournal) -> None:
        self._cast, self._copier, self._journal = cast, copier, journal

    async def perform(self, users: Sequence[User], orders: Sequence[Order], tell: Step) -> Act:
        """Let the master place *orders* one by one, and wait until everybody has caught up.

        Parameters:
            users: whose copies are judged; the others' calls beside their orders rest meanwhile.
            tell: called with a line of text at every step.
        """
        cast = self._cast
        before, begin_ns = await cast.exchange.stats(), SystemClock().wall_ns()
        decided = await self._decided()
        with beside([cast.master, *(user.broker for user in users)]):
            for order in orders:
                tell(await _trade(cast, order))
                await asyncio.sleep(PAUSE_S)
            made = await self._caught_up(before)
        undecided = {name: made + decided.get(name, 0) - count for name, count in (await self._decided()).items()}
        missing = {user.name: undecided.get(user.name, made) for user in users}
        return Act(tuple(users), await self._latencies(begin_ns), missing, before, await cast.exchange.stats())

    async def _caught_up(self, before: dict[str, Any]) -> int:
        """Wait until every fill of the master's is copied; give up after a while. Return how many there are."""
        made = (await self._cast.exchange.stats())["accounts"]["MASTER"]["fills"]
        for _ in range(int(LONGEST_WAIT_S / POLL_S)):
            if await self._known() >= made:
                break
            await asyncio.sleep(POLL_S)
        with contextlib.suppress(TimeoutError):  # what is missing then stands in the exchange's books, and is said
            await asyncio.wait_for(self._copier.idle(), LONGEST_WAIT_S)
        return int(made - before["accounts"]["MASTER"]["fills"])

    async def _known(self) -> int:
        rows = await self._journal.select("SELECT count(*) FROM copy_fills")
        return int(rows[0][0])

    async def _decided(self) -> dict[str, int]:
        return {user: int(count) for user, count in await self._journal.select(_DECIDED)}

    async def _latencies(self, begin_ns: int) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for user, latency_ns in await self._journal.select(_ACKNOWLEDGED, (begin_ns,)):
            found.setdefault(user, []).append(latency_ns)
        return found


@contextlib.asynccontextmanager
async def copying(cast: Cast, prices: Mapping[str, Decimal]) -> AsyncIterator[Copying]:
    """Copy the master to every user until the block ends."""
    clock, journal = SystemClock(), open_copy_journal("memory://")
    quotes = QuoteBoard(cast.rules, CURRENCY)
    quotes.take(prices, clock.wall_ns())
    setting = Setting(clock=clock, exchange_ns=cast.master.now_ns, rules=cast.rules, quotes=quotes)
    copier = Copier(journal, setting)
    feed = ExecutionsFeed("MASTER", cast.master, cast.dialer, cast.symbols, options=FeedOptions(polled_s=0.2))
    feed.subscribe(copier.on_fills)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        stack.push_async_callback(copier.close)
        await copier.start([Seat(user.account, user.policy) for user in cast.users])
        following = asyncio.create_task(feed.run(copier.cursor_ns("MASTER")))
        stack.push_async_callback(_end, following)
        yield Copying(cast, copier, journal)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


async def _trade(cast: Cast, order: Order) -> str:
    what = f"MASTER {order.side}s {order.volume:f} {order.pair}"
    try:
        outcome = await cast.master.place(order)
    except KrakenonceError as error:
        return f"{what}: {error}"
    errors = getattr(outcome, "errors", ())
    return f"{what}: {errors[0]}" if errors else what
