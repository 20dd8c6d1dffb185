"""The supervisor and the relay, without processes: who is started again, when, and who answers."""

import asyncio
import signal
from types import SimpleNamespace

import pytest

from krakenonce.clock import ManualClock
from krakenonce.copytrader.service.workers.relay import Relay
from krakenonce.copytrader.service.workers.supervisor import FIRST_PAUSE_S, LONGEST_PAUSE_S, STOP_S, Supervisor
from krakenonce.errors import ConfigError, TryLater


class Process:
    def __init__(self, pid):
        self.pid, self.is_stubborn = pid, False
        self.ended = asyncio.get_running_loop().create_future()

    def end(self, status):
        if not self.ended.done():
            self.ended.set_result(status)

    def cut(self):
        if not self.is_stubborn:
            self.end(0)

    def kill(self):
        self.end(-signal.SIGKILL)

    async def wait(self):
        return await asyncio.shield(self.ended)


class Room:
    """A supervisor of processes that end when a test says so; it sleeps only as long as a test lets it."""

    def __init__(self, count):
        self.clock, self.started, self.pauses = ManualClock(), [], []
        self.supervisor = Supervisor(count, self.launch, self.clock, self.sleep)

    async def launch(self, number):
        process = Process(len(self.started) + 1)
        self.started.append((number, process))
        return process

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        if seconds == STOP_S:
            await asyncio.sleep(0)
            return
        self.clock.advance(int(seconds * 1e9))

    async def turns(self):
        for _ in range(20):
            await asyncio.sleep(0)


async def test_a_worker_that_dies_is_started_again_with_growing_pauses():
    room = Room(2)
    running = asyncio.create_task(room.supervisor.run())
    await room.turns()
    assert [number for number, _ in room.started] == [1, 2] == list(room.supervisor.living)
    for _ in range(7):
        room.started[-1][1].end(-signal.SIGKILL)
        await room.turns()
    assert room.pauses == [FIRST_PAUSE_S, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    room.clock.advance(61 * 10**9)
    room.started[-1][1].end(0)
    await room.turns()
    assert room.pauses[-1] == FIRST_PAUSE_S, "who has lived for long begins with the short pause"
    room.supervisor.stop()
    assert await running == 0
    assert all(process.ended.done() for _, process in room.started)


async def test_a_first_start_that_fails_ends_all_with_its_status():
    room = Room(3)
    running = asyncio.create_task(room.supervisor.run())
    await room.turns()
    room.started[1][1].end(2)
    assert await running == 2
    assert len(room.started) == 3


async def test_a_worker_that_does_not_end_is_ended():
    room = Room(2)
    running = asyncio.create_task(room.supervisor.run())
    await room.turns()
    room.started[0][1].is_stubborn = True
    room.supervisor.stop()
    assert await running == 0
    assert await room.started[0][1].wait() == -signal.SIGKILL


def relay(**answers):
    """Return a relay to workers that answer so, by number: ``w1=...``; and what they were asked."""
    asked = []

    async def ask(number, request):
        asked.append((number, dict(request)))
        answer = answers[f"w{number}"]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    settings = SimpleNamespace(journal="memory://")
    numbers = tuple(int(name[1:]) for name in answers)
    return Relay(settings, ManualClock(wall_ns=5), lambda: numbers, ask), asked


async def test_whoever_has_the_user_answers():
    here, asked = relay(w1={"here": False, "lines": []}, w2={"here": True, "lines": ["USER:a: paused"]})
    assert (await here.steer({"do": "pause", "user": "USER:a"}))["lines"] == ["USER:a: paused"]
    assert [request["here_only"] for _, request in asked] == [True, True]


async def test_a_user_of_another_host_is_steered_through_the_journal_by_one_of_them():
    def answer(request):
        return {"here": False, "lines": [] if request.get("here_only") else ["told"]}

    here, asked = relay(w1=answer, w2=answer)
    assert (await here.steer({"do": "pause", "user": "USER:a"}))["lines"] == ["told"]
    assert [number for number, request in asked if "here_only" not in request] == [1]


async def test_a_kill_is_done_by_all_and_needs_only_one():
    here, _ = relay(w1={"here": True, "lines": ["*: killed"]}, w2=TryLater("hangs"), w3=None)
    assert (await here.steer({"do": "kill", "user": "*"}))["lines"] == ["*: killed", "hangs"]
    nobody, _ = relay(w1=None)
    assert (
        "*: killed (a drill), for the next start"
        in (await nobody.steer({"do": "kill", "user": "*", "reason": "a drill"}))["lines"][0]
    )


async def test_one_of_them_tells_other_hosts_to_reload():
    here, asked = relay(w1={"here": True, "lines": ["u: joins"]}, w2={"here": True, "lines": ["u: joins"]})
    assert await here.reload() == ["u: joins"]
    assert [request["here_only"] for _, request in asked] == [False, True]


async def test_the_list_has_each_user_once_as_his_worker_sees_him():
    def listed(*here):
        rows = [{"user": user, "here": True} if user in here else {"user": user} for user in ("a", "b", "c")]
        return {"users": rows, "everybody": "active", "why": ""}

    here, _ = relay(w1=listed("a"), w2=listed("b"))
    users = (await here.steer({"do": "list"}))["users"]
    assert users == [{"user": "a", "here": True}, {"user": "b", "here": True}, {"user": "c"}]


@pytest.mark.parametrize("answer", [None, ConfigError("user", "nobody", "Use another.")])
async def test_what_nobody_can_do_is_told(answer):
    here, _ = relay(w1=answer)
    with pytest.raises((TryLater, ConfigError)):
        await here.steer({"do": "leave", "user": "USER:x"})
