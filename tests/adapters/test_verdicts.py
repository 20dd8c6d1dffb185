"""The outcome beside what the client itself says: for every client, for results and exceptions."""

import asyncio
import threading

import pytest

from krakenonce.adapters import install, outcome_of
from krakenonce.kraken.replies import Accepted, Refused, Unknown
from tests.adapters.scripted import Answer

ENDINGS = [
    (Answer({"error": [], "result": {"ZUSD": "1.0"}}), Accepted),
    (Answer({"error": ["EOrder:Insufficient funds"], "result": {}}), Refused),
    (Answer({"error": ["EService:Busy"]}), Unknown),
    (Answer(status=502, text="<html>Bad gateway</html>"), Unknown),
    (Answer(hangs_up=True), Unknown),
]
IDS = ["accepted", "no-funds", "busy", "502", "hangs-up"]


async def ask(kind, client, installation):
    """Make a call and look at its outcome, both where the caller stands. Return the outcome and what was raised."""

    def blocking():
        try:
            kind.private(client, "Balance")
        except Exception as error:
            return installation.last_outcome(), error
        return installation.last_outcome(), None

    if not kind.is_async:
        return await asyncio.to_thread(blocking)
    try:
        await kind.private(client, "Balance")
    except Exception as error:
        return installation.last_outcome(), error
    return installation.last_outcome(), None


@pytest.mark.parametrize(("answer", "outcome"), ENDINGS, ids=IDS)
async def test_the_last_outcome_can_be_asked_for(kind, manager, key, server, answer, outcome):
    server.answer("Balance", answer)
    async with kind.client(server.url, key) as client:
        installation = install(client, manager=manager)
        assert installation.last_outcome() is None
        found, error = await ask(kind, client, installation)
        assert isinstance(found, outcome)
        if error is not None and hasattr(error, "krakenonce_outcome"):
            assert outcome_of(error) is found


async def test_every_caller_sees_the_outcome_of_his_own_call(kind, manager, key, server):
    server.answer("Balance", Answer({"error": ["EOrder:Insufficient funds"], "result": {}}))
    async with kind.client(server.url, key) as client:
        installation = install(client, manager=manager)
        found, _ = await asyncio.create_task(ask(kind, client, installation))
        assert isinstance(found, Refused)
        assert installation.last_outcome() is None, "this task has called nothing"
        seen = []
        thread = threading.Thread(target=lambda: seen.append(installation.last_outcome()))
        thread.start()
        thread.join()
        assert seen == [None]


def test_an_exception_of_elsewhere_is_read():
    assert isinstance(outcome_of(RuntimeError('kraken {"error":["EOrder:Insufficient funds"]}')), Refused)
    assert isinstance(outcome_of(TimeoutError()), Unknown)
