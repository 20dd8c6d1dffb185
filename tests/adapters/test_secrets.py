"""A57: no secret, no signature and no whole key in what krakenonce logs, prints or raises."""

import asyncio
import logging
import traceback

import pytest

from krakenonce.adapters import install, uninstall
from krakenonce.errors import KrakenonceError, LaneTimeout
from tests.adapters.clients import SECRET
from tests.adapters.scripted import Answer

KEY = "kQWERTYpublicASDFGHkeyZXCVBN"


@pytest.fixture
def everything(caplog):
    """All that krakenonce logs, at the most talkative level."""
    caplog.set_level(logging.DEBUG, "krakenonce")
    return lambda: "".join(f"{record.getMessage()}{record.exc_text or ''}" for record in ours(caplog.records))


def ours(records):
    return [record for record in records if record.name.startswith("krakenonce")]


async def test_a57_nothing_krakenonce_says_gives_a_secret_away(kind, manager, server, everything):
    said = []
    server.answer("Balance", Answer(status=307, text="", headers={"Location": "/"}), Answer(hangs_up=True), Answer())
    async with kind.client(server.url, KEY) as client:
        installation = install(client, "USER:alice", manager=manager, timeout=0.01)
        said += [repr(installation), repr(installation.lane), repr(installation.lane.stats())]
        for _ in range(3):
            said += await asyncio.gather(kind.ask(client), return_exceptions=True)
        async with installation.lane.turn():
            with pytest.raises(LaneTimeout) as refusal:
                await kind.ask(client)
        said.append(refusal.value)
        with pytest.raises(KrakenonceError) as refusal:
            install(client, "USER:bob", manager=manager)
        said.append(refusal.value)
        uninstall(client)
    own = [thing for thing in said if isinstance(thing, str | KrakenonceError)]
    texts = "".join("".join(traceback.format_exception(it)) if isinstance(it, Exception) else it for it in own)
    assert len(own) >= 6
    for hidden in (KEY, SECRET, SECRET[:20]):
        assert hidden not in texts
        assert hidden not in everything()
    assert "USER:alice" in everything(), "the log was looked at, and is not empty"
