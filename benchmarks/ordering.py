"""Order of arrival on one key: nothing lost, and how much of the speed that strict order allows is reached.

Strict order allows one request at a time, so calls per second are at most 1/RTT. RTT is what the same unmodified client
needs for one call after the other: the network's delay, which the exchange draws from its seed and which is drawn again
here for exactly the requests that were made, plus the client's and the server's own work, measured sequentially.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.exchange import Exchange, exchange
from benchmarks.table import Row
from krakenonce.adapters import install
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from tests.adapters.clients import BY_NAME, KINDS, Kind
from tests.adapters.contests import CALLERS, Contest

CALLS = 1_000
CONTROL_CALLS = 200
SHARE_OF_STRICT = 0.95
SHARE_LOST_WITHOUT = 0.30

Way = Callable[[Contest], Awaitable[None]]
Prepare = Callable[[Any], Any]


@dataclass(frozen=True)
class Run:
    """One contest that is over.

    Attributes:
        seconds: from the first call's beginning to the last one's end.
        travel: how many of them the requests spent in the network, one after the other.
        arrived, accepted, invalid: what the exchange counted.
        errors: what the callers heard of.
    """

    seconds: float
    travel: float
    arrived: int
    accepted: int
    invalid: int
    errors: int

    @property
    def own(self) -> float:
        """Seconds per call that were not spent in the network, if the calls came one after the other."""
        return (self.seconds - self.travel) / self.arrived


def one_key_rows(calls: int = CALLS) -> list[Row]:
    """Let eight callers make *calls* calls on one key through each client, and through all of them together."""
    rows: list[Row] = []
    for kind in KINDS:
        with exchange(4) as running:
            rows += asyncio.run(_one_kind(running, kind, calls))
    with exchange(1) as running:
        rows.append(asyncio.run(_all_kinds(running, calls)))
    return rows


def installer() -> Prepare:
    """Return what installs krakenonce into a client, with lanes of its own."""
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    return lambda client: install(client, manager=manager)


async def _one_kind(running: Exchange, kind: Kind, calls: int) -> list[Row]:
    alone, control, *accounts = running.accounts
    one_callers_share = Contest(kind, running.url, alone, CONTROL_CALLS * CALLERS, _leave)
    sequential = await _run(running, one_callers_share, Contest.one_caller_alone)
    bare = await _run(running, Contest(kind, running.url, control, CONTROL_CALLS, _leave), _by_threads)
    rows = [_judge_control(kind.name, bare)]
    ways: list[tuple[str, Way]] = [("8 threads", _by_threads), ("8 tasks", Contest.one_client_shared_by_tasks)]
    for (name, way), account in zip(ways, accounts, strict=True):
        run = await _run(running, Contest(kind, running.url, account, calls, installer()), way)
        rows += _judge(f"{kind.name}, {name}", run, calls, sequential.own)
    return rows


async def _all_kinds(running: Exchange, calls: int) -> Row:
    """Give each client an eighth of the calls; two of them take two."""
    (account,) = running.accounts
    names = [kind.name for kind in KINDS] + ["krakenex", "sdk-async"]
    prepare = installer()
    contests = [Contest(BY_NAME[name], running.url, account, calls, prepare) for name in names]
    await asyncio.gather(*[contest.one_caller_alone() for contest in contests])
    figures = running.figures(account.name)
    invalid, accepted = figures["invalid_nonces"], figures["accepted"]
    seconds = max(contest.seconds for contest in contests)
    is_whole = invalid == 0 and accepted == calls // CALLERS * CALLERS
    what = "all six together, threads and tasks: invalid nonces"
    return Row(
        what,
        f"{invalid} of {accepted + figures['refused']} ({accepted / seconds:.1f}/s)",
        "0",
        is_whole,
        is_correctness=True,
    )


async def _by_threads(contest: Contest) -> None:
    await (contest.a_loop_for_each_thread() if contest.kind.is_async else contest.one_client_shared_by_threads())


async def _run(running: Exchange, contest: Contest, way: Way) -> Run:
    await way(contest)
    figures = running.figures(contest.name)
    arrived = figures["accepted"] + figures["refused"]
    travel = running.travel_seconds(contest.name, arrived)
    return Run(contest.seconds, travel, arrived, figures["accepted"], figures["invalid_nonces"], len(contest.errors))


def _judge_control(name: str, run: Run) -> Row:
    lost = run.invalid / run.arrived
    return Row(
        f"{name}, not installed: lost", f"{lost:.0%}", ">= 30 %", lost >= SHARE_LOST_WITHOUT, is_correctness=True
    )


def _judge(what: str, run: Run, calls: int, own: float) -> list[Row]:
    expected = calls // CALLERS * CALLERS
    is_whole = (run.invalid, run.accepted, run.errors) == (0, expected, 0)
    strict = run.arrived / (run.travel + run.arrived * own)
    reached = run.arrived / run.seconds
    figures = f"{reached:.1f}/s = {reached / strict:.1%}"
    return [
        Row(f"{what}: invalid nonces", f"{run.invalid} of {run.arrived}", "0", is_whole, is_correctness=True),
        Row(
            f"{what}: of the {strict:.1f}/s that order allows", figures, ">= 95 %", reached / strict >= SHARE_OF_STRICT
        ),
        Row(f"{what}: of the network alone", f"{run.travel / run.seconds:.1%}"),
    ]


def _leave(client: Any) -> Any:
    return client
