"""One act of the demonstration: the master trades, the users are copied, the exchange's books tell what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from krakenonce.broker import Order
from krakenonce.cli.demo.cast import Cast, User, beside
from krakenonce.clock import SystemClock
from krakenonce.copytrader import CopyPolicy, CopyTrader, FillFeed, Follower, ReceiptBook
from krakenonce.errors import KrakenonceError

POLL_S = 0.1
PAUSE_S = 0.1
LONGEST_WAIT_S = 30

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Act:
    """What happened: who was copied, every receipt, and the exchange's figures before and after."""

    users: tuple[User, ...]
    receipts: ReceiptBook
    before: dict[str, Any]
    after: dict[str, Any]


async def perform(cast: Cast, users: Sequence[User], orders: Sequence[Order], tell: Step) -> Act:
    """Let the master place *orders* one by one while *users* are copied, and wait until everybody has caught up.

    Parameters:
        tell: called with a line of text at every step.
    """
    receipts = ReceiptBook()
    before = await cast.exchange.stats()
    followers = [_follower(user, cast, receipts) for user in users]
    async with CopyTrader(FillFeed(cast.master, every_s=POLL_S), followers, SystemClock()) as trader:
        with beside([cast.master, *(user.broker for user in users)]):
            for order in orders:
                tell(await _trade(cast, order))
                await asyncio.sleep(PAUSE_S)
            await _caught_up(cast, before, trader)
    return Act(tuple(users), receipts, before, await cast.exchange.stats())


def _follower(user: User, cast: Cast, receipts: ReceiptBook) -> Follower:
    policy = CopyPolicy(user.multiplier, insist_s=cast.insist_s)
    return Follower(user.broker, policy, cast.rules, receipts, SystemClock())


async def _trade(cast: Cast, order: Order) -> str:
    what = f"MASTER {order.side}s {order.volume:f} {order.pair}"
    try:
        outcome = await cast.master.place(order)
    except KrakenonceError as error:
        return f"{what}: {error}"
    errors = getattr(outcome, "errors", ())
    return f"{what}: {errors[0]}" if errors else what


async def _caught_up(cast: Cast, before: dict[str, Any], trader: CopyTrader) -> None:
    """Wait until every fill of the master's was received and has its receipt from everybody; give up after 30 s."""
    made = (await cast.exchange.stats())["accounts"]["MASTER"]["fills"] - before["accounts"]["MASTER"]["fills"]
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            await trader.caught_up(made)
    except TimeoutError:
        return  # what is missing then is found in the exchange's books, and said in the verdict
