"""One order on each of 101 accounts: order per key must not make the keys wait for one another."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from kraken.spot import SpotAsyncClient

from benchmarks.exchange import Account, Exchange, exchange
from benchmarks.ordering import Prepare, installer
from benchmarks.table import Row
from krakenonce.client import KrakenClient
from krakenonce.kraken.credentials import Credentials

ACCOUNTS = 101
ROUNDS = 21
RATIO_BAR = 1.10
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001", "price": "20000"}
SIDES = ("python-kraken-sdk async alone", "python-kraken-sdk with install()", "KrakenClient")

Place = Callable[[], Awaitable[Any]]


def many_keys_rows(rounds: int = ROUNDS) -> list[Row]:
    """Place one order on each account, *rounds* times with each of `SIDES`, taking turns.

    Each side has keys of its own: a key that has seen nanoseconds refuses the client's own coarser numbers.
    """
    with exchange(len(SIDES) * ACCOUNTS) as running:
        seconds = asyncio.run(_rounds(running, rounds))
        counted = [running.figures(account.name) for account in running.accounts]
    invalid, accepted = (sum(row[name] for row in counted) for name in ("invalid_nonces", "accepted"))
    sent = len(SIDES) * (rounds + 1) * ACCOUNTS
    what = f"{ACCOUNTS} orders on {ACCOUNTS} keys"
    rows = [Row(f"{what}, {side}: last accepted", _quartiles(mine)) for side, mine in zip(SIDES, seconds, strict=True)]
    rows += [_ratio(f"{what}, {SIDES[place]}: ratio of the medians", seconds[place], seconds[0]) for place in (1, 2)]
    is_whole = invalid == 0 and accepted == sent
    return [*rows, Row(f"{what}: invalid nonces", f"{invalid} of {sent}", "0", is_whole, is_correctness=True)]


def _ratio(what: str, ours: list[float], theirs: list[float]) -> Row:
    ratio = statistics.median(ours) / statistics.median(theirs)
    return Row(what, f"{ratio:.3f}", f"<= {RATIO_BAR:.2f}", ratio <= RATIO_BAR)


async def _rounds(running: Exchange, rounds: int) -> list[list[float]]:
    async with contextlib.AsyncExitStack() as stack:
        crowds = await _crowds(stack, running)
        seconds: list[list[float]] = [[] for _ in SIDES]
        for number in range(rounds + 1):
            for side in range(len(SIDES)) if number % 2 else reversed(range(len(SIDES))):
                measured = await _last_accepted(crowds[side])
                if number:  # the first round opens the connections
                    seconds[side].append(measured)
    return seconds


async def _crowds(stack: contextlib.AsyncExitStack, running: Exchange) -> list[list[Place]]:
    shares = [running.accounts[side * ACCOUNTS : (side + 1) * ACCOUNTS] for side in range(len(SIDES))]
    bare, installed = [[await _client(stack, running.url, account) for account in share] for share in shares[:2]]
    prepare: Prepare = installer()
    for client in installed:
        prepare(client)
    own = [await _own_client(stack, running.url, account) for account in shares[2]]
    return [
        *(
            [partial(client.request, "POST", "/0/private/AddOrder", dict(ORDER)) for client in crowd]
            for crowd in (bare, installed)
        ),
        [partial(client.call, "AddOrder", ORDER) for client in own],
    ]


async def _client(stack: contextlib.AsyncExitStack, url: str, account: Account) -> SpotAsyncClient:
    return await stack.enter_async_context(SpotAsyncClient(account.key, account.secret, url))


async def _own_client(stack: contextlib.AsyncExitStack, url: str, account: Account) -> KrakenClient:
    credentials = Credentials(account.key, account.secret)
    return await stack.enter_async_context(KrakenClient(credentials, base_url=url))


async def _last_accepted(crowd: list[Place]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*[place() for place in crowd])
    return time.perf_counter() - began


def _quartiles(seconds: list[float]) -> str:
    low, middle, high = (1e3 * cut for cut in statistics.quantiles(seconds, n=4))
    return f"{middle:.1f} ms ({low:.1f} to {high:.1f})"
