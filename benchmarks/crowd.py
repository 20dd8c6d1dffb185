"""One order on each of 101 accounts: order per key must not make the keys wait for one another."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time

from kraken.spot import SpotAsyncClient

from benchmarks.exchange import Account, Exchange, exchange
from benchmarks.ordering import Prepare, installer
from benchmarks.table import Row

ACCOUNTS = 101
ROUNDS = 21
RATIO_BAR = 1.10
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001", "price": "20000"}


def many_keys_rows(rounds: int = ROUNDS) -> list[Row]:
    """Place one order on each account, *rounds* times without krakenonce and *rounds* times with it, taking turns.

    Each side has keys of its own: a key that has seen nanoseconds refuses the client's own coarser numbers.
    """
    with exchange(2 * ACCOUNTS) as running:
        bare, installed = asyncio.run(_rounds(running, rounds))
        counted = [running.figures(account.name) for account in running.accounts]
    invalid, accepted = (sum(row[name] for row in counted) for name in ("invalid_nonces", "accepted"))
    ratio = statistics.median(installed) / statistics.median(bare)
    is_whole = invalid == 0 and accepted == 2 * (rounds + 1) * ACCOUNTS
    what = f"{ACCOUNTS} orders on {ACCOUNTS} keys"
    return [
        Row(f"{what}, python-kraken-sdk async alone: last accepted", _quartiles(bare)),
        Row(f"{what}, with krakenonce: last accepted", _quartiles(installed)),
        Row(f"{what}: ratio of the medians", f"{ratio:.3f}", f"<= {RATIO_BAR:.2f}", ratio <= RATIO_BAR),
        Row(
            f"{what}: invalid nonces", f"{invalid} of {2 * (rounds + 1) * ACCOUNTS}", "0", is_whole, is_correctness=True
        ),
    ]


async def _rounds(running: Exchange, rounds: int) -> tuple[list[float], list[float]]:
    async with contextlib.AsyncExitStack() as stack:
        crowds = [
            [await _client(stack, running.url, account) for account in accounts]
            for accounts in (running.accounts[:ACCOUNTS], running.accounts[ACCOUNTS:])
        ]
        prepare: Prepare = installer()
        for client in crowds[1]:
            prepare(client)
        seconds: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds + 1):
            for side in (0, 1) if number % 2 else (1, 0):
                measured = await _last_accepted(crowds[side])
                if number:  # the first round opens the connections
                    seconds[side].append(measured)
    return seconds


async def _client(stack: contextlib.AsyncExitStack, url: str, account: Account) -> SpotAsyncClient:
    return await stack.enter_async_context(SpotAsyncClient(account.key, account.secret, url))


async def _last_accepted(clients: list[SpotAsyncClient]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*[client.request("POST", "/0/private/AddOrder", dict(ORDER)) for client in clients])
    return time.perf_counter() - began


def _quartiles(seconds: list[float]) -> str:
    low, middle, high = (1e3 * cut for cut in statistics.quantiles(seconds, n=4))
    return f"{middle:.1f} ms ({low:.1f} to {high:.1f})"
