"""The simulated exchange in virtual time, REST and WebSocket, without sockets: an hour of trading takes a moment.

The network delays and the faults are the simulator's own, drawn from its seed. Whatever talks to the exchange has to
belong to the loop of `tests.virtual_time.run_virtually`, with the same clock.
"""

import asyncio
import random
from decimal import Decimal
from itertools import count
from urllib.parse import urlencode

from krakenonce.broker import KrakenBroker, Patience
from krakenonce.broker.symbols import Symbols
from krakenonce.client.websocket import ConnectionLost
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.kraken.pairs import find_pair
from krakenonce.kraken.replies import Accepted, Unknown, judge_payload, judge_reply
from krakenonce.kraken.signing import sign
from krakenonce.lanes import LaneRegistry
from krakenonce.simulator import Exchange, Settings
from krakenonce.simulator.calls import Call
from krakenonce.simulator.network import Network
from krakenonce.simulator.rest.face import RestFace
from krakenonce.simulator.websocket.face import WebSocketFace
from tests.virtual_time import run_virtually

PULSE_S = 0.25
TIMEOUT_S = 10.0


class VirtualKraken:
    """An exchange, its faces and a clock that leaps. Parameters: those of the simulator, one by one."""

    def __init__(self, seed=7, **settings):
        print(f"seed {seed}")
        self.clock = ManualClock()
        self.exchange = Exchange(Settings(**{"volatility": 0, "seed": seed, **settings}), self.clock)
        self.network = Network(self.exchange.settings)
        self.rest = RestFace(self.exchange)
        self.websocket = WebSocketFace(self.exchange, self._on_unrest)
        self.manager = GlobalKrakenNonceManager("memory://", clock=self.clock, registry=LaneRegistry())
        self.chance = random.Random(seed)
        self.dialing = VirtualDialing(self)
        self.is_reachable = True
        self.rest_calls = []

    def run(self, main):
        """Run the coroutine *main* in virtual time, with the exchange's own life beside it."""

        async def with_pulse():
            pulse = asyncio.create_task(self._beat())
            try:
                return await main
            finally:
                pulse.cancel()

        return run_virtually(self.clock, with_pulse())

    def broker(self, place=0, **options):
        """Return the account at *place* (0 is MASTER), whose calls need no socket."""
        account = self.exchange.accounts[place]
        credentials = Credentials(account.keys[0].key, account.keys[0].secret)
        options.setdefault("patience", Patience(settle_s=10, pause_s=0.5))
        broker = KrakenBroker(
            account.name, credentials, manager=self.manager, base_url="http://127.0.0.1:1", clock=self.clock, **options
        )
        broker.client._wire = VirtualWire(self, account)
        return broker

    async def symbols(self, broker):
        return Symbols((await broker.pairs()).values())

    def hand(self, place=0):
        """Return a hand that trades on the account at *place*."""
        return Hand(self, self.exchange.accounts[place])

    def move(self, price, pair="XXBTZUSD"):
        """Have the market go to *price*."""
        self.exchange.flow.set_price(self.exchange.market(find_pair(pair)), Decimal(price))
        self.websocket.settle()

    async def _beat(self):
        while True:
            now_ns = self.exchange.advance()
            due_ns = self.exchange.agenda.next_due()
            wait_s = PULSE_S if due_ns is None else (due_ns - now_ns) / NS_PER_SECOND
            await asyncio.sleep(min(max(wait_s, 0.005), PULSE_S))

    def _on_unrest(self):
        asyncio.get_running_loop().call_soon(self.websocket.settle)


class Hand:
    """Trades on one account beside everything that is tested: with a key of its own, and no fault strikes its calls."""

    def __init__(self, kraken, account):
        self.kraken, self.key = kraken, kraken.exchange.add_key(account)
        self._nonces = count(1)

    def place(self, side="buy", volume="0.01", ordertype="market", **fields):
        """Place an order and return its id."""
        fields = {"pair": "XBTUSD", **fields, "ordertype": ordertype, "type": side, "volume": volume}
        return self.call("AddOrder", **fields)["txid"][0]

    def call(self, method, **fields):
        body = urlencode({**fields, "nonce": next(self._nonces)})
        path = f"/0/private/{method}"
        signature = sign(path, str(body.rpartition("=")[2]), body.encode(), self.key.secret)
        arrived_ns = self.kraken.exchange.shown_ns
        kind = "application/x-www-form-urlencoded"
        call = Call("POST", path, "", body.encode(), kind, self.key.key, signature, arrived_ns=arrived_ns)
        outcome = judge_reply(200, self.kraken.rest.answer(call, 0).body)
        assert isinstance(outcome, Accepted), outcome
        self.kraken.websocket.settle()
        return outcome.result


class VirtualWire:
    """What a client's connection does, over the REST face: travel, faults, judgement."""

    def __init__(self, kraken, account):
        self.kraken, self.account = kraken, account

    async def post(self, path, body, headers, observer=None):
        exchange = self.kraken.exchange
        method = path.rpartition("/")[2]
        self.kraken.rest_calls.append((self.account.name, method))
        arrived_ns = exchange.shown_ns
        arrival = exchange.evidence.arrive(self.account.keys[0])
        faults = exchange.faults.draw(method, self.account.name)
        await self._travel(faults, "before")
        call = Call("POST", path, "", body, headers["Content-Type"], headers["API-Key"], headers["API-Sign"])
        call = Call(**{**_fields(call), "arrived_ns": arrived_ns})
        try:
            return await self._judged(call, arrival, faults)
        finally:
            exchange.evidence.leave(self.account.keys[0])

    async def get(self, path, params):
        await asyncio.sleep(self.kraken.network.delay_s("public"))
        if not self.kraken.is_reachable:
            await asyncio.sleep(TIMEOUT_S)
            return Unknown("connection lost: time-out")
        reply = self.kraken.rest.answer(Call("GET", path, query=urlencode(params)), 0)
        return judge_reply(reply.status, reply.body)

    async def close(self):
        """There is nothing to close."""

    async def _judged(self, call, arrival, faults):
        kraken, fault = self.kraken, next((fault for fault in faults if fault.kind not in ("delay", "hold")), None)
        if not kraken.is_reachable or (fault is not None and fault.loses_request):
            kraken.rest.lose(call, arrival, "lost")
            return await self._spoiled(fault)
        stale_ns = int(fault.ms * 1_000_000) if fault is not None and fault.kind == "stale" else 0
        reply = kraken.rest.answer(call, arrival, stale_ns=stale_ns)
        await self._travel(faults, "after")
        if fault is not None and fault.kind not in ("stale", "slow"):
            return await self._spoiled(fault)
        return judge_reply(reply.status, reply.body)

    async def _spoiled(self, fault):
        """Return what a client sees that gets no proper answer."""
        if fault is None or fault.kind == "hang":
            await asyncio.sleep(TIMEOUT_S)
            return Unknown("connection lost: time-out")
        if fault.kind == "error":
            return judge_payload({"error": [fault.error]})
        return Unknown(f"HTTP {fault.status}" if fault.kind == "http" else f"connection lost: {fault.kind}")

    async def _travel(self, faults, phase):
        late_ms = sum(fault.ms for fault in faults if fault.kind == "delay" and fault.phase == phase)
        delay_s = self.kraken.network.delay_s(self.account.name) if phase == "before" else 0
        await asyncio.sleep(delay_s + late_ms / 1000)


def _fields(call):
    return {name: getattr(call, name) for name in call.__slots__}


class VirtualDialing:
    """Opens virtual sockets. *attempts* counts them."""

    def __init__(self, kraken):
        self.kraken, self.attempts, self.sockets = kraken, 0, []

    def wait_s(self, *, urgent):
        return 0.0

    async def open(self):
        self.attempts += 1
        await asyncio.sleep(self.kraken.network.delay_s("handshake"))
        if not self.kraken.is_reachable:
            await asyncio.sleep(1)
            raise ConnectionLost("no connection: unreachable")
        socket = VirtualSocket(self.kraken)
        self.sockets = [one for one in self.sockets if not one.lost] + [socket]
        return socket

    def break_all(self):
        """Cut every connection."""
        for socket in self.sockets:
            socket.cut("cut by the test")
        self.sockets.clear()


class VirtualSocket:
    """One connection to the exchange's WebSocket face: what is sent arrives in order, after the network's delay."""

    def __init__(self, kraken):
        self.kraken = kraken
        self.session = kraken.websocket.connect(self._wake)
        self._inbox = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._last_due = 0.0
        self._wake()
        self.lost = ""

    def write(self, text):
        if self.lost:
            raise ConnectionLost(self.lost)
        request = self.kraken.websocket.arrive(self.session, text)
        delay_s = self.kraken.network.delay_s(self.session.account) + request.delay_s
        self._last_due = max(self._last_due + 1e-6, self._loop.time() + delay_s)
        self._loop.call_at(self._last_due, self.kraken.websocket.execute, request)

    async def receive(self):
        text = await self._inbox.get()
        if text is None:
            raise ConnectionLost(self.lost)
        return text

    async def close(self):
        self.cut("closed")

    def cut(self, cause):
        if not self.lost:
            self.lost = cause
            self.kraken.websocket.disconnect(self.session)
            self._inbox.put_nowait(None)

    def _wake(self):
        asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self):
        outbox = self.session.outbox
        while outbox and not self.session.close_code and not self.lost:
            due_ns, text = outbox[0]
            if due_ns > self.kraken.exchange.now:
                self._loop.call_later((due_ns - self.kraken.exchange.now) / NS_PER_SECOND, self._pump)
                return
            outbox.popleft()
            if self.kraken.is_reachable:
                self._inbox.put_nowait(text)
        if self.session.close_code:
            self.cut(f"closed with code {self.session.close_code}")
