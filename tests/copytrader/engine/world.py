"""A small world for the engine, in virtual time: accounts that do what a script says, and an exchange that counts."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from decimal import Decimal

from krakenonce.broker import Acknowledged, Balance, OrderState, PairRules
from krakenonce.clock import NS_PER_SECOND, ManualClock
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.members import Seat
from krakenonce.copytrader.engine.quotes import QuoteBoard
from krakenonce.copytrader.engine.setting import Pace, Setting
from krakenonce.copytrader.journal import CopyJournal
from krakenonce.copytrader.journal.sqlite import SqliteBackend
from krakenonce.copytrader.policy import UserPolicy
from krakenonce.copytrader.records import MasterFill, OrderPhase
from krakenonce.errors import HeldBack, KrakenonceError, OutcomeUnknown
from krakenonce.kraken.replies import judge_errors
from tests.virtual_time import run_virtually

BTC, ETH, EUR = "XXBTZUSD", "XETHZUSD", "XXBTZEUR"
RULES = {
    BTC: PairRules(BTC, "XBTUSD", "XBT/USD", "XXBT", "ZUSD", 1, 8, Decimal("0.0001"), Decimal("0.5"), "online"),
    ETH: PairRules(ETH, "ETHUSD", "ETH/USD", "XETH", "ZUSD", 2, 8, Decimal("0.002"), Decimal("0.5"), "online"),
    EUR: PairRules(EUR, "XBTEUR", "XBT/EUR", "XXBT", "ZEUR", 1, 8, Decimal("0.0001"), Decimal("0.5"), "online"),
    "EURUSD": PairRules("EURUSD", "EURUSD", "EUR/USD", "ZEUR", "ZUSD", 5, 8, Decimal(1), Decimal("0.5"), "online"),
}
PRICES = {BTC: Decimal(50000), ETH: Decimal(2500), EUR: Decimal(40000), "EURUSD": Decimal("1.25")}
RTT_S = 0.05


@dataclass(frozen=True)
class Fate:
    """What happens to one order: which part of it finds a counterpart, and what becomes of request and answer."""

    part: Decimal = Decimal(1)
    error: str = ""
    lost: bool = False
    dropped: bool = False
    unsent: bool = False
    held: asyncio.Event | None = None


FILL = Fate()


class Market:
    """The exchange: prices, and every order that ever existed."""

    def __init__(self, clock):
        self.clock, self.prices, self.orders = clock, dict(PRICES), []
        self.is_down = False

    def of(self, user, side=None):
        return [one for one in self.orders if one.user == user and side in (None, one.order.side)]


@dataclass
class Made:
    """An order as the exchange has it."""

    user: str
    order: object
    state: OrderState
    at_ns: int


class ToyAccount:
    """One user's account at the market."""

    path = "ws"

    def __init__(self, market, name, money=Decimal(1_000_000), key=None):
        self.market, self.name, self.fingerprint = market, name, key or f"key of {name}"
        self.totals = defaultdict(Decimal, {"ZUSD": money, "ZEUR": money})
        self.fates, self.sent, self.cancelled, self.looks = deque(), [], [], 0
        self.sent_ns, self.rtt_s, self.blind = [], RTT_S, False

    def get_ready(self, order):
        assert order.phase is OrderPhase.PLANNED

    def send(self, order):
        self.sent.append(order)
        self.sent_ns.append(self.market.clock.wall_ns())
        fate = self.fates.popleft() if self.fates else FILL
        return asyncio.ensure_future(self._travel(order, fate))

    async def ending(self, order):
        await asyncio.sleep(self.rtt_s)
        while True:
            made = self._made(order)
            if made is not None and not made.state.is_open:
                return made.state
            if made is None and self.market.clock.wall_ns() > order.deadline_ns:
                return None
            await asyncio.sleep(0.5)

    async def cancel(self, cl_ord_id):
        await self.cancel_all_copies([cl_ord_id])

    async def cancel_all_copies(self, names):
        self.cancelled += names
        for made in self.market.of(self.name):
            if made.order.cl_ord_id in names and made.state.is_open:
                made.state = replace(made.state, status="canceled")

    def was_switched_off(self, state):
        return False

    def executed(self, cl_ord_id):
        return sum(one.state.executed for one in self.market.of(self.name) if one.order.cl_ord_id == cl_ord_id)

    async def balances(self):
        await asyncio.sleep(self.rtt_s)
        self.looks += 1
        if self.blind:
            raise OutcomeUnknown("no answer")
        return {asset: Balance(asset, total, Decimal(0), total) for asset, total in self.totals.items()}

    async def _travel(self, order, fate):
        if fate.unsent:
            raise HeldBack("the rate limit")
        await asyncio.sleep(self.rtt_s / 2)
        if fate.held is not None:
            await fate.held.wait()
        if fate.dropped:
            raise OutcomeUnknown("no answer")
        error = fate.error or self._refusal(order)
        if not error:
            self._execute(order, fate.part)
        await asyncio.sleep(self.rtt_s / 2)
        if fate.lost:
            raise OutcomeUnknown("no answer")
        if error:
            return judge_errors((error,))
        return Acknowledged(self._made(order).state.txid, self.market.clock.wall_ns())

    def _refusal(self, order):
        rules = RULES[order.line.pair]
        if self.market.clock.wall_ns() >= order.deadline_ns:
            return "EService:Deadline elapsed"
        if order.volume < rules.order_min:
            return "EOrder:Order minimum not met"
        price = self.market.prices[rules.key]
        asset, amount = (rules.base, order.volume) if order.side == "sell" else (rules.quote, order.volume * price)
        return "EOrder:Insufficient funds" if self.totals[asset] < amount else ""

    def _execute(self, order, part):
        rules, price = RULES[order.line.pair], self.market.prices[order.line.pair]
        crosses = order.limit is None or (price <= order.limit if order.side == "buy" else price >= order.limit)
        part = part if order.limit else Decimal(1)  # a market order finds its counterpart, at some price
        executed = (order.volume * part).quantize(Decimal(1).scaleb(-rules.lot_decimals)) if crosses else Decimal(0)
        cost, sign = executed * price, 1 if order.side == "buy" else -1
        self.totals[rules.base] += sign * executed
        self.totals[rules.quote] -= sign * cost
        txid = f"O{len(self.market.orders)}"
        status = "closed" if executed == order.volume else "canceled"
        state = OrderState(
            txid, order.cl_ord_id, rules.altname, order.side, "limit" if order.limit else "market", status,
            order.volume, executed, price, cost, Decimal(0), self.market.clock.wall_ns(),
        )  # fmt: skip
        self.market.orders.append(Made(self.name, order, state, self.market.clock.wall_ns()))

    def _made(self, order):
        return next((one for one in self.market.of(self.name) if one.order.cl_ord_id == order.cl_ord_id), None)


STEPS = ("before journal", "after journal", "sent", "answered", "ended")


class Life:
    """One run of the engine, which dies when *step* is reached for the *count*-th time after so many."""

    def __init__(self, step="", after=0):
        self.step, self.after, self.is_over, self.passed = step, after, False, 0

    def at(self, step):
        if step == self.step:
            self.passed += 1
            self.is_over = self.is_over or self.passed > self.after
        return self.is_over


class Dead(KrakenonceError):
    """Nobody is left to see this."""


async def never():
    await asyncio.get_running_loop().create_future()


class MortalBackend:
    """The database as a run sees it that may die on the way."""

    def __init__(self, backend, life):
        self._backend, self._life = backend, life

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def write(self, batch):
        if self._life.at("before journal"):
            raise Dead
        done = self._backend.write(batch)
        if self._life.at("after journal"):
            raise Dead
        return done


class MortalAccount:
    """An account as a run sees it that may die on the way."""

    def __init__(self, account, life):
        self._account, self._life = account, life

    def __getattr__(self, name):
        return getattr(self._account, name)

    def send(self, order):
        if self._life.is_over:
            return asyncio.get_running_loop().create_future()
        travelling = self._account.send(order)
        self._life.at("sent")
        return asyncio.ensure_future(self._answered(travelling))

    async def _answered(self, travelling):
        try:
            return await asyncio.shield(travelling)
        finally:
            if self._life.at("answered"):
                await never()

    async def ending(self, order):
        state = await self._account.ending(order)
        if self._life.at("ended"):
            await never()
        return state

    async def cancel_all_copies(self, names):
        await self._unless_dead(self._account.cancel_all_copies, names)

    async def cancel(self, cl_ord_id):
        await self._unless_dead(self._account.cancel, cl_ord_id)

    async def amend(self, cl_ord_id, **changes):
        await self._unless_dead(self._account.amend, cl_ord_id, **changes)

    async def _unless_dead(self, act, *arguments, **options):
        if self._life.is_over:
            await never()
        await act(*arguments, **options)
        if self._life.at("changed"):
            await never()


@dataclass
class World:
    """A market, accounts that outlive the engine, a journal that outlives it too, and a master who trades."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(boot_ns=10**15))
    masters: tuple = ("MASTER",)

    def __post_init__(self):
        self.market = Market(self.clock)
        self.backend = SqliteBackend(":memory:")
        self.accounts, self.policies, self.notices, self.count = {}, {}, [], 0
        self.quotes = QuoteBoard(RULES, "ZUSD")
        self.quotes.take(PRICES, self.clock.wall_ns())
        self.copier = None
        self.settings = {}

    def user(self, number=1, policy=None, **options):
        name = f"USER:{number}"
        self.accounts[name] = ToyAccount(self.market, name, **options)
        self.policies[name] = policy or UserPolicy()
        return self.accounts[name]

    def users(self, number, policy=None):
        return [self.user(one, policy) for one in range(1, number + 1)]

    def seat(self, name):
        return Seat(MortalAccount(self.accounts[name], self.life), self.policies[name])

    async def start(self, life=None):
        """Begin a run, which may be told when to die. The one before, if any, had better be dead."""
        setting = Setting(
            clock=self.clock, exchange_ns=self.clock.wall_ns, rules=RULES, quotes=self.quotes,
            tell=self.notices.append, pace=Pace(), **self.settings,
        )  # fmt: skip
        self.life = life or Life()
        journal = CopyJournal(MortalBackend(self.backend, self.life), clock=self.clock)
        self.copier = Copier(journal, setting, self.masters)
        await self.unless_dead(self.copier.start([self.seat(name) for name in self.accounts]))

    async def unless_dead(self, doing):
        """Wait until *doing* is done, or the run is dead."""
        task = asyncio.ensure_future(doing)
        while not task.done() and not self.life.is_over:
            await asyncio.wait([task], timeout=0.25)
        if not self.life.is_over:
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        for one in list(self.copier._board._tasks):
            one.cancel()
        return None

    def die(self):
        """End the run as kill -9 does: from now on nothing it does has any effect. Requests on the wire travel on."""
        self.life.is_over = True

    def fill(self, side, volume, *, price=None, pair=BTC, age_s=0, order=None, of=None, master="MASTER", name=None):
        """Return a new fill of the master's, not given to the engine yet."""
        self.count += 1
        now_ns = self.clock.wall_ns()
        return MasterFill(
            master, name or f"T{self.count:06}", order or f"M{self.count:06}", pair, side, Decimal(volume),
            Decimal(price) if price else self.market.prices[pair], now_ns - int(age_s * NS_PER_SECOND), now_ns,
            Decimal(of) if of else None,
        )  # fmt: skip

    async def trade(self, side, volume, **options):
        """Have the master fill something and wait until everybody has done what he does."""
        fill = self.fill(side, volume, **options)
        self.copier.on_fills([fill])
        await self.copier.idle()
        return fill

    def price(self, pair, price):
        self.market.prices[pair] = Decimal(price)
        self.quotes.take({pair: Decimal(price)}, self.clock.wall_ns())

    def held(self, name, pair=BTC, master="MASTER"):
        lines = [line for line in self.copier.lines(name) if (line.key.pair, line.key.master) == (pair, master)]
        return lines[0].held if lines else Decimal(0)

    def rows(self, statement, *values):
        return self.backend.read(statement, values)

    def reasons(self, name="USER:1"):
        return [row[0] for row in self.rows("SELECT reason FROM copy_decisions WHERE user_name = ?", name)]

    def run(self, main):
        """Run the coroutine function *main* in this world's time."""

        async def whole():
            try:
                return await main()
            finally:
                if self.copier is not None:
                    await self.copier.close()

        return run_virtually(self.clock, whole())
