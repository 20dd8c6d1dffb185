"""A service that hears what was said elsewhere: written into the journal by another program, on another host."""

from decimal import Decimal

import pytest

from krakenonce.clock import SystemClock
from krakenonce.copytrader.journal.records import State
from krakenonce.copytrader.service.offline import ask_for_files, restate, roll_call
from krakenonce.copytrader.service.steering import Steering
from tests.copytrader.service.stage import Stage, buy, until
from tests.copytrader.trading import bought_and_sold


def from_afar(stage):
    async def say(user, deed, reason="from afar"):
        return await restate(stage.settings, user, deed, reason, SystemClock())

    return say


@pytest.mark.kraken_sim(volatility=0)
async def test_what_is_said_on_another_host_is_heard(kraken_sim, tmp_path, url):
    stage = Stage(kraken_sim, tmp_path, run="dry", top=f'journal = "{url}"')
    say = from_afar(stage)
    async with stage.service() as service:
        copier = service.copier
        assert "the one that has hears of it" in await say("*", "kill")
        await until(lambda: copier.everybody.state is State.KILLED)
        assert copier.everybody.reason == "from afar"
        await say("*", "rearm")
        await until(lambda: copier.everybody.state is State.ACTIVE)
        await say("USER:u1", "pause")
        await until(lambda: copier.standing("USER:u1").state is State.PAUSED)
        await copier.resume(user="USER:u1")
        await copier.pause("here", user="USER:u2")
        await say("USER:u2", "resume")
        await until(lambda: copier.standing("USER:u2").state is State.ACTIVE)
        assert copier.standing("USER:u1").state is State.ACTIVE
        assert {row["worker"] for row in (await roll_call(stage.settings, SystemClock())).values()} == {
            service.worker.rpartition(":")[0]
        }
        assert await ask_for_files(stage.settings, SystemClock())
        await service.files_asked.wait()


@pytest.mark.kraken_sim(volatility=0)
async def test_a_leave_and_a_return_that_were_asked_for_elsewhere(kraken_sim, tmp_path, url):
    stage = Stage(kraken_sim, tmp_path, top=f'journal = "{url}"')
    say = from_afar(stage)
    async with stage.service() as service, stage.master() as master:
        await until(lambda: not service.feeds["MASTER"].standing.is_held)
        await buy(master)
        await stage.receipts(2)
        await say("USER:u1", "leave", "close")
        await until(lambda: service.guests.has_departed("USER:u1"))
        assert bought_and_sold(kraken_sim.accounts[1]) == (Decimal("0.05"), Decimal("0.05"))
        await say("USER:u1", "rearm")
        await until(lambda: "USER:u1" in service.copier.users)
        assert service.copier.standing("USER:u1").state is State.ACTIVE
        assert (await Steering(service).steer({"do": "list"}))["users"][0]["here"]
