"""A34: one user's key is wrong and a lockout would hit the whole address: it stops at once, the others never notice."""

import asyncio
from base64 import b64encode

import pytest

from krakenonce.client import KrakenClient
from krakenonce.errors import LaneQuarantined
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.replies import Accepted
from krakenonce.lanes import LaneRegistry
from krakenonce.refusals.watch import Watch
from krakenonce.simulator import SimulatedKraken

OTHERS, ATTEMPTS, CALLS = 99, 10, 3
LOCKS_OUT = {"lockout_scope": "ip", "lockout_after": 3, "latency_ms": 2, "jitter_ms": 1}
WRONG_SECRET = b64encode(b"another key's secret").decode()


def wrong_secret(account):
    return Credentials(account.key, WRONG_SECRET)


def wrong_key(account):
    return Credentials("no-such-key-at-this-exchange", account.secret)


async def attempt(client, times):
    """Call as an impatient user does; return how often the call was kept back."""
    kept_back = 0
    for _ in range(times):
        try:
            await client.call("Balance")
        except LaneQuarantined:
            kept_back += 1
    return kept_back


async def play(sim, bad_credentials):
    """Let one bad key and 99 good ones call; return what the good ones got, and how often the bad one was kept back."""
    manager = GlobalKrakenNonceManager("memory://", registry=LaneRegistry())
    bad_account, *good = sim.accounts
    clients = [
        KrakenClient(credentials, manager=manager, base_url=sim.url)
        for credentials in [bad_credentials(bad_account), *(Credentials(user.key, user.secret) for user in good)]
    ]
    try:
        kept_back = await attempt(clients[0], ATTEMPTS)  # nobody's good call comes in between: the worst case
        again, *outcomes = await asyncio.gather(
            attempt(clients[0], ATTEMPTS),
            *(client.call("Balance") for client in clients[1:] for _ in range(CALLS)),
            return_exceptions=True,
        )
    finally:
        await asyncio.gather(*(client.close() for client in clients))
    return outcomes, kept_back + again


@pytest.mark.parametrize("bad_credentials", [wrong_secret, wrong_key])
async def test_a34_the_others_are_never_locked_out(bad_credentials):
    async with SimulatedKraken(accounts=OTHERS + 1, **LOCKS_OUT) as sim:
        outcomes, kept_back = await play(sim, bad_credentials)
        bad_calls = [row for row in sim.log() if row["cause"]]
    assert len(bad_calls) <= 2
    assert kept_back >= 2 * ATTEMPTS - 2
    assert [type(outcome) for outcome in outcomes] == [Accepted] * OTHERS * CALLS


async def test_a34_without_a_quarantine_everybody_is_locked_out(monkeypatch):
    """Positive control."""
    monkeypatch.setattr(Watch, "check", lambda _: False)
    async with SimulatedKraken(accounts=OTHERS + 1, **LOCKS_OUT) as sim:
        outcomes, _ = await play(sim, wrong_secret)
    assert not any(isinstance(outcome, Accepted) for outcome in outcomes)
