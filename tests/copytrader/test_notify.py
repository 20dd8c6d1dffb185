"""Notices against a real HTTP server of our own: they arrive, are insisted on, and never hold anybody up."""

import asyncio
import json
import logging

import pytest
from aiohttp import web

from krakenonce.copytrader.config import Webhook
from krakenonce.copytrader.notify import ATTEMPTS, MOST_WAITING, Event, Notice, Notifier

NOON = 1_795_392_000_000_000_000
EVERY = frozenset(Event)


class Receiver:
    """A webhook's server: answers with the given statuses, one after the other, then 200."""

    def __init__(self):
        self.statuses, self.bodies = [], []
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request):
        self.bodies.append(await request.json())
        assert request.content_type == "application/json"
        await self.gate.wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"Location": "/elsewhere"})

    @property
    def texts(self):
        return [body["text"] for body in self.bodies]


@pytest.fixture
async def receiver():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{anything:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/T0/token"
    yield receiver
    receiver.gate.set()
    await runner.cleanup()


def notice(event=Event.PAUSE, text="paused", user="USER:alice", **details):
    return Notice(event, user, text, NOON, details)


class Pauses(list):
    """Instead of sleeping: remembers how long."""

    async def __call__(self, seconds):
        self.append(seconds)
        await asyncio.sleep(0)


async def test_a_notice_arrives_as_json(receiver):
    async with Notifier([Webhook(receiver.url, EVERY)]) as notifier:
        notifier.tell(notice(pair="XXBTZUSD"))
        await notifier.idle()
    assert receiver.bodies == [
        {
            "event": "pause",
            "user": "USER:alice",
            "text": "USER:alice: paused",
            "at": "2026-11-23T00:00:00.000000Z",
            "details": {"pair": "XXBTZUSD"},
        }
    ]
    assert (notifier.delivered, notifier.dropped) == (1, 0)


async def test_only_what_was_asked_for_arrives(receiver):
    async with Notifier([Webhook(receiver.url, frozenset({Event.KILL}))]) as notifier:
        for event in Event:
            notifier.tell(notice(event, event.value))
        await notifier.idle()
    assert receiver.texts == ["USER:alice: kill"]


async def test_it_insists_with_growing_pauses(receiver):
    receiver.statuses = [500, 503, 429, 200]
    pauses = Pauses()
    async with Notifier([Webhook(receiver.url, EVERY)], sleep=pauses) as notifier:
        notifier.tell(notice())
        await notifier.idle()
    assert len(receiver.bodies) == 4
    assert pauses == [1, 2, 4]
    assert (notifier.delivered, notifier.dropped) == (1, 0)


async def test_it_gives_up_in_the_end_and_goes_on(receiver, caplog):
    receiver.statuses = [500] * ATTEMPTS
    async with Notifier([Webhook(receiver.url, EVERY)], sleep=Pauses()) as notifier:
        notifier.tell(notice(text="first"))
        notifier.tell(notice(text="second"))
        with caplog.at_level(logging.WARNING, "krakenonce"):
            await notifier.idle()
    assert receiver.texts[-1] == "USER:alice: second"
    assert (notifier.delivered, notifier.dropped) == (1, 1)
    assert "a notice (pause, USER:alice) was given up: status 500" in caplog.text
    assert "token" not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
async def test_what_will_never_be_taken_is_not_repeated(receiver, status):
    receiver.statuses = [status]
    async with Notifier([Webhook(receiver.url, EVERY)], sleep=Pauses()) as notifier:
        notifier.tell(notice())
        await notifier.idle()
    assert len(receiver.bodies) == 1
    assert notifier.dropped == 1


async def test_a_receiver_that_is_not_there_costs_nobody_anything(receiver, caplog):
    pauses = Pauses()
    nowhere = Webhook("http://127.0.0.1:1/T0/token", EVERY)
    async with Notifier([nowhere, Webhook(receiver.url, EVERY)], sleep=pauses) as notifier:
        notifier.tell(notice())
        with caplog.at_level(logging.WARNING, "krakenonce"):
            await notifier.idle()
    assert len(receiver.bodies) == 1
    assert (notifier.delivered, notifier.dropped, len(pauses)) == (1, 1, ATTEMPTS - 1)
    assert "T0" not in caplog.text


async def test_a_slow_receiver_holds_up_nobody(receiver):
    receiver.gate.clear()
    async with Notifier([Webhook(receiver.url, EVERY)]) as notifier:
        for number in range(MOST_WAITING + 5):
            notifier.tell(notice(text=str(number)))
        assert notifier.dropped == 5  # of those that wait the oldest; the first one is on its way
        receiver.gate.set()
        await notifier.idle()
    assert receiver.texts[:3] == ["USER:alice: 0", "USER:alice: 6", "USER:alice: 7"]
    assert notifier.delivered == MOST_WAITING


async def test_pauses_are_shortened_by_chance_and_bounded(receiver):
    receiver.statuses = [500, 500]
    pauses = Pauses()
    async with Notifier([Webhook(receiver.url, EVERY)], sleep=pauses, jitter=lambda: 1.0) as notifier:
        notifier.tell(notice())
        await notifier.idle()
    assert pauses == [0.5, 1]


async def test_nobody_to_tell_needs_nothing():
    async with Notifier([]) as notifier:
        notifier.tell(notice())
        await notifier.idle()
    assert (notifier.delivered, notifier.dropped) == (0, 0)


async def test_leaving_does_not_wait_for_a_receiver_that_hangs(receiver):
    receiver.gate.clear()
    async with Notifier([Webhook(receiver.url, EVERY)]) as notifier:
        notifier.tell(notice())
        while not receiver.bodies:
            await asyncio.sleep(0)
    assert notifier.delivered == 0


def test_a_notice_is_one_line_of_json():
    assert b"\n" not in notice(text="two\nlines").as_json()
    assert json.loads(notice(text="ü").as_json())["text"] == "USER:alice: ü"
