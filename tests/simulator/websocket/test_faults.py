"""Faults of the stream, over real connections and without; and that equal seeds give equal frames."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from krakenonce.simulator import SimulatedKraken
from krakenonce.simulator.faults import Fault

ORDER = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 40000, "symbol": "BTC/USD"}


def with_faults(make_bench, make_line, *faults: Fault):
    line = make_line(make_bench(faults=faults))
    line.read()
    return line


@pytest.mark.parametrize(("phase", "orders"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["ws-drop", "ws-disconnect"])
def test_a_request_or_its_reply_gets_lost(make_bench, make_line, kind, phase, orders):
    line = with_faults(make_bench, make_line, Fault(kind=kind, phase=phase, endpoint="add_order", times=1))
    assert line.send("add_order", **ORDER) == []
    assert len(line.account.open_orders) == orders
    assert line.session.close_code == (1006 if kind == "ws-disconnect" else 0)
    (row,) = line.bench.exchange.evidence.log()
    assert (row["verdict"], row["fault"]) == ("accepted" if orders else "lost", f"{kind} {phase}")


@pytest.mark.parametrize(("phase", "orders"), [("before", 0), ("after", 1)])
def test_a_request_is_answered_with_an_error_whether_or_not_it_was_executed(make_bench, make_line, phase, orders):
    error = "EService:Unavailable"
    line = with_faults(make_bench, make_line, Fault(kind="error", error=error, phase=phase, endpoint="add_order"))
    assert line.error("add_order", **ORDER) == error
    assert len(line.account.open_orders) == orders
    (row,) = line.bench.exchange.evidence.log()
    assert (row["verdict"], row["cause"], row["fault"]) == ("refused", error, f"error {phase}")


def test_pushed_frames_are_lost_doubled_or_late(make_bench, make_line):
    line = with_faults(
        make_bench,
        make_line,
        Fault(kind="ws-twice", endpoint="executions", times=1),
        Fault(kind="ws-drop", endpoint="balances", times=1),
        Fault(kind="ws-delay", endpoint="trade", ms=50, times=1),
    )
    for channel in ("executions", "balances"):
        line.subscribe(channel)
    line.subscribe("trade", symbol=["BTC/USD"])
    assert [text[12:22] for text in line.texts if text.startswith('{"channel"')] == ['status","t', *["executions"] * 2]
    line.face.receive(
        line.session,
        json.dumps(
            {
                "method": "add_order",
                "params": {**ORDER, "order_type": "market", "limit_price": None, "token": line.token},
            }
        ),
    )
    late = [due - line.bench.exchange.now for due, text in line.session.outbox if due]
    assert late == [50_000_000]


def test_faults_are_drawn_for_their_account_only(make_bench, make_line):
    bench = make_bench(faults=(Fault(kind="ws-drop", phase="after", account="USER:1"),))
    mine = make_line(bench)
    theirs = make_line(bench, mine.face, account=1)
    assert mine.ok("cancel_all") == {"count": 0}
    assert [frame for frame in theirs.send("cancel_all") if "method" in frame] == []


def run(make_bench, make_line, seed: int) -> list[str]:
    """Return every frame of a short day with faults on."""
    faults = (Fault(kind="ws-drop", rate=0.1), Fault(kind="ws-twice", rate=0.1), Fault(kind="delay", rate=0.2, ms=5))
    bench = make_bench(seed=seed, volatility=0.05, faults=faults, tier="pro")
    lines = [make_line(bench)]
    lines.append(make_line(bench, lines[0].face, account=1))
    for line in lines:
        for channel in ("executions", "balances"):
            line.subscribe(channel)
        for channel in ("ticker", "trade", "book", "ohlc"):
            line.subscribe(channel, symbol=["BTC/USD", "ETH/USD"])
    for number in range(25):
        line = lines[number % 2]
        line.send("add_order", **{**ORDER, "limit_price": 49000 + number * 100}, req_id=number)
        bench.order(ordertype="market", volume="0.01")
        bench.wait(0.7)
        line.send("cancel_all")
    return [text for line in lines for text in (line.read(), line.texts)[1]]


def test_one_seed_gives_one_stream_of_frames(make_bench, make_line):
    first = run(make_bench, make_line, 7)
    assert first == run(make_bench, make_line, 7)
    assert first != run(make_bench, make_line, 8)
    assert len(first) > 400


async def connect(
    session: aiohttp.ClientSession, sim: SimulatedKraken, **options: Any
) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(f"{sim.ws_url}/v2", **options)


async def test_over_a_real_connection_frames_keep_their_order_however_long_they_travel():
    async with SimulatedKraken(accounts=1, latency_ms=20, jitter_ms=20) as sim, aiohttp.ClientSession() as session:
        async with await connect(session, sim) as socket:
            for number in range(30):
                await socket.send_json({"method": "ping", "req_id": number})
            await socket.receive_json()
            assert [(await socket.receive_json())["req_id"] for _ in range(30)] == list(range(30))


async def test_a_disconnection_is_felt_and_what_was_sent_before_it_is_executed():
    async with SimulatedKraken(accounts=1, latency_ms=30) as sim, aiohttp.ClientSession() as session:
        token = sim.exchange.tokens.issue(sim.accounts[0].keys[0], sim.exchange.now)
        async with await connect(session, sim) as socket:
            await socket.send_json({"method": "add_order", "params": {**ORDER, "token": token}})
        while not sim.accounts[0].open_orders:
            await asyncio.sleep(0.01)
        sim.exchange.faults.add(Fault(kind="ws-disconnect", endpoint="cancel_all", phase="after"))
        async with await connect(session, sim) as socket:
            await socket.receive_json()
            await socket.send_json({"method": "cancel_all", "params": {"token": token}})
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert not sim.accounts[0].open_orders


async def test_handshakes_elsewhere_and_too_many_are_refused_and_deflate_is_taken():
    async with SimulatedKraken(accounts=1, ws_attempts=2) as sim, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{sim.ws_url}/v1")
        assert refused.value.status == 404
        async with await connect(session, sim, compress=15) as squeezed, await connect(session, sim) as plain:
            assert (squeezed.compress, plain.compress) == (15, 0)
            frames = [await socket.receive_json() for socket in (squeezed, plain)]
            assert {frame["channel"] for frame in frames} == {"status"}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await connect(session, sim)
            assert refused.value.status == 429


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-WebSocket-Key": "x"}, {"Sec-WebSocket-Key": "A" * 24, "Sec-WebSocket-Version": "99"}]
)
async def test_broken_handshakes_are_refused(headers):
    async with SimulatedKraken(accounts=1) as sim, aiohttp.ClientSession() as session:
        wanted = {"Connection": "Upgrade", "Upgrade": "websocket", **headers}
        async with session.get(f"{sim.url}/v2", headers=wanted) as reply:
            assert reply.status == 400
        async with session.get(f"{sim.url}/0/public/Time") as reply:
            assert reply.status == 200


async def day_over_sockets(seed: int) -> list[str]:
    """Return the frames of a short day on which every request moves the time on by 100 ms."""
    async with SimulatedKraken(accounts=1, seed=seed, virtual_step_ms=100) as sim, aiohttp.ClientSession() as session:
        token = sim.exchange.tokens.issue(sim.accounts[0].keys[0], sim.exchange.now)
        async with await connect(session, sim) as socket:
            for channel in ("executions", "balances", "book", "ticker", "trade"):
                about = {"token": token} if channel in ("executions", "balances") else {"symbol": ["BTC/USD"]}
                await socket.send_json({"method": "subscribe", "params": {"channel": channel, **about}})
            for number in range(20):
                order = {"order_type": "market", "side": "buy", "order_qty": 0.01, "symbol": "BTC/USD", "token": token}
                await socket.send_json({"method": "add_order", "params": order, "req_id": number})
            await socket.send_json({"method": "ping", "req_id": 99})
            frames: list[str] = []
            while not (frames and '"req_id":99' in frames[-1]):
                frames.append(await socket.receive_str())
            return frames


async def test_one_seed_gives_one_stream_over_sockets_too():
    first = await day_over_sockets(3)
    assert first == await day_over_sockets(3)
    assert first != await day_over_sockets(4)
    assert len(first) > 100


@pytest.mark.parametrize("compress", [0, 15])
async def test_frames_of_every_size_arrive_whole(compress):
    async with SimulatedKraken(accounts=1) as sim, aiohttp.ClientSession() as session:
        async with await connect(session, sim, compress=compress) as socket:
            await socket.receive_json()
            board = sim._serving._sockets.face.hub.board
            (there,) = board.sessions
            texts = ["x" * size for size in (0, 1, 125, 126, 127, 65_535, 65_536, 300_000)]
            for text in texts:
                board.push(there, "status", text)
            assert [await socket.receive_str(timeout=5) for _ in texts] == texts
