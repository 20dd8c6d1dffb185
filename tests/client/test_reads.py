"""Questions without an answer are asked again, within a budget and with new nonces; everything else is sent once."""

import pytest

from krakenonce.client.budget import ReadBudget, spend
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.errors import StoreUnavailable
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.methods import PURPOSES, REPEATABLE, is_repeatable
from krakenonce.kraken.replies import Accepted, Refused, Unknown
from krakenonce.lanes import LaneRegistry
from tests.client.test_client import client_of
from tests.scripted_exchange import ScriptedExchange

LOST = ("http", 502, b"<html>Bad gateway</html>")


@pytest.fixture
def manager():
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry())


async def at_once(_seconds):
    """Do not wait."""


async def test_a_read_is_repeated_with_rising_nonces_until_it_is_answered(manager):
    async with ScriptedExchange(LOST, "reset") as exchange, client_of(manager, exchange, sleep=at_once) as client:
        assert isinstance(await client.call("Balance"), Accepted)
    assert len(exchange.nonces) == 3
    assert exchange.nonces == sorted(set(exchange.nonces))
    assert exchange.refused == 0


async def test_a_public_read_is_repeated_too(manager):
    async with ScriptedExchange(LOST, LOST) as exchange, client_of(manager, exchange, sleep=at_once) as client:
        assert isinstance(await client.public("Time"), Accepted)


@pytest.mark.parametrize("method", [*PURPOSES, "Withdraw", "WalletTransfer", "AddExport", "SomethingNew"])
async def test_what_changes_something_is_sent_once(manager, method):
    async with ScriptedExchange(LOST) as exchange, client_of(manager, exchange, sleep=at_once) as client:
        assert isinstance(await client.call(method), Unknown)
    assert len(exchange.bodies) == 1


def test_nothing_that_trades_or_moves_money_counts_as_a_read():
    assert not REPEATABLE & set(PURPOSES)
    assert not [
        name for name in ("Withdraw", "WithdrawCancel", "WalletTransfer", "Earn/Allocate") if is_repeatable(name)
    ]


async def test_a_refusal_is_an_answer(manager):
    script = [("error", "EGeneral:Permission denied")]
    async with ScriptedExchange(*script) as exchange, client_of(manager, exchange) as client:
        assert isinstance(await client.call("Balance"), Refused)
    assert len(exchange.bodies) == 1


class Asker:
    def __init__(self, clock, takes_s=0):
        self.clock, self.takes_s, self.asked, self.pauses = clock, takes_s, 0, []

    async def ask(self):
        self.asked += 1
        self.clock.advance(int(self.takes_s * NS_PER_SECOND))
        return Unknown("HTTP 502")

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.clock.advance(int(seconds * NS_PER_SECOND))


async def test_the_budget_counts_attempts():
    asker = Asker(ManualClock())
    assert isinstance(await spend(ReadBudget(4, 60, 0.5), asker.ask, asker.clock, asker.sleep), Unknown)
    assert (asker.asked, asker.pauses) == (4, [0.5, 1.0, 2.0])


async def test_the_budget_counts_seconds():
    asker = Asker(ManualClock(), takes_s=10)
    await spend(ReadBudget(99, 25, 0.5), asker.ask, asker.clock, asker.sleep)
    assert asker.asked == 3


async def test_a_nonce_is_announced_before_it_is_sent_and_exceeds_what_was_asked_for(manager):
    announced = []

    async def announce(nonce):
        announced.append((nonce, len(exchange.bodies)))

    async with ScriptedExchange(("error", "EAPI:Invalid nonce")) as exchange, client_of(manager, exchange) as client:
        first = await client.call("AddOrder", announce=announce)
        far = announced[-1][0] + 10**12
        await client.call("AddOrder", above=far, announce=announce)
        await client.call("AddOrder", announce=announce)
    assert isinstance(first, Accepted)
    assert [sent for _, sent in announced] == [0, 2, 3, 4], "the second one replaced the refused nonce, after a probe"
    assert announced[2][0] == far + 1
    assert announced[3][0] > far


async def test_what_could_not_be_announced_is_not_sent_and_the_lane_goes_on(manager):
    async def announce(_nonce):
        raise StoreUnavailable("the disk is full")

    async with ScriptedExchange() as exchange, client_of(manager, exchange) as client:
        with pytest.raises(StoreUnavailable, match="disk"):
            await client.call("AddOrder", announce=announce)
        assert exchange.bodies == []
        assert isinstance(await client.call("AddOrder"), Accepted)
        stats = manager.lane(client.credentials.key, base_url=exchange.url).stats()
        assert (stats.refused, stats.unknown) == (1, 0)
