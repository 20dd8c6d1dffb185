"""One user's key is bad, and a lockout would hit the whole address: do the other 99 accounts notice?"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from base64 import b64encode

from benchmarks.exchange import Account, Exchange, exchange
from benchmarks.table import Row
from krakenonce.client import KrakenClient
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry

OTHERS, ROUNDS, CALLS = 99, 10, 4
PAUSE_S = 1.0
LOCKOUT = ("--lockout-after", "3", "--lockout-scope", "ip")
CHANGE_BAR = 0.05


def bad_key_rows() -> list[Row]:
    """Let 99 accounts call with and without a 100th beside them whose private key is wrong, taking turns."""
    with exchange(OTHERS + 1, options=LOCKOUT) as running:
        alone, beside, refused = asyncio.run(_rounds(running))
        bad_calls = running.figures(running.accounts[0].name)["refused"]
    before, after = _p99(alone), _p99(beside)
    change = after / before - 1
    what = f"{OTHERS} accounts beside a bad key"
    return [
        Row(f"{what}: p99 of a call without it", f"{before * 1e3:.1f} ms"),
        Row(f"{what}: p99 of a call with it", f"{after * 1e3:.1f} ms"),
        Row(f"{what}: change of p99", f"{change:+.1%}", f"<= {CHANGE_BAR:+.0%}", change <= CHANGE_BAR),
        Row(
            f"{what}: calls of the bad key that were sent", f"{bad_calls}", "<= 2", bad_calls <= 2, is_correctness=True
        ),
        Row(f"{what}: calls of the others not accepted", f"{refused}", "0", refused == 0, is_correctness=True),
    ]


async def _rounds(running: Exchange) -> tuple[list[float], list[float], int]:
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    async with contextlib.AsyncExitStack() as stack:
        bad_account, *good_accounts = running.accounts
        bad = await stack.enter_async_context(
            KrakenClient(_misspelt(bad_account), manager=manager, base_url=running.url)
        )
        good = [
            await stack.enter_async_context(
                KrakenClient(Credentials(account.key, account.secret), manager=manager, base_url=running.url)
            )
            for account in good_accounts
        ]
        await asyncio.gather(*[client.call("Balance") for client in good])  # opens the connections
        seconds: tuple[list[float], list[float]] = ([], [])
        refused = 0
        for number in range(2 * ROUNDS):
            is_beside = number % 4 in (1, 2)
            measured, lost = await _round(good, bad if is_beside else None)
            seconds[is_beside].extend(measured)
            refused += lost
    return (*seconds, refused)


async def _round(good: list[KrakenClient], bad: KrakenClient | None) -> tuple[list[float], int]:
    pest = asyncio.create_task(_insist(bad)) if bad is not None else None
    try:
        measured = await asyncio.gather(*[_timed(client, place) for place, client in enumerate(good)])
    finally:
        if pest is not None:
            pest.cancel()
            await asyncio.wait([pest])
    return [seconds for row, _ in measured for seconds in row], sum(lost for _, lost in measured)


async def _insist(client: KrakenClient) -> None:
    while True:
        with contextlib.suppress(LaneQuarantined):
            await client.call("Balance")
        await asyncio.sleep(0.01)


async def _timed(client: KrakenClient, place: int) -> tuple[list[float], int]:
    """Call a few times; accounts begin one after the other, so that none waits for this process's own work."""
    await asyncio.sleep(PAUSE_S * place / OTHERS)
    row, lost = [], 0
    for _ in range(CALLS):
        began = time.perf_counter()
        outcome = await client.call("Balance")
        row.append(time.perf_counter() - began)
        lost += not isinstance(outcome, Accepted)
    return row, lost


def _misspelt(account: Account) -> Credentials:
    return Credentials(account.key, b64encode(b"the private key of another key").decode())


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]
