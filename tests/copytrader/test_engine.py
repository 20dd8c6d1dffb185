"""Every fill reaches every user; what one user suffers stays his."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest

from krakenonce.broker import Fill, Placement
from krakenonce.clock import NS_PER_MS, NS_PER_SECOND, ManualClock
from krakenonce.copytrader import CopyPolicy, CopyTrader, FillFeed, Follower, ReceiptBook, Verdict
from krakenonce.copytrader.follower import order_name
from krakenonce.copytrader.receipts import percentile
from krakenonce.errors import ConfigError, OutcomeUnknown, RequestRefused
from krakenonce.kraken.replies import Refused, classify
from krakenonce.lanes import Priority

BEGAN = 1_790_000_000 * NS_PER_SECOND


@dataclass(frozen=True)
class Rules:
    lot_decimals: int = 8
    order_min: Decimal = Decimal("0.0001")
    cost_min: Decimal = Decimal("0.5")


RULES = {"XXBTZUSD": Rules(), "XETHZUSD": Rules()}


def fill(number, volume="0.01", side="buy", pair="XXBTZUSD"):
    return Fill(
        f"T{number}", f"O{number}", pair, side, Decimal(volume), Decimal(50_000), Decimal(1), Decimal(0), BEGAN + number
    )


class Master:
    """A master whose books are read when the test says so."""

    fingerprint = "the master's key"

    def __init__(self):
        self.trades, self.failures = [], 0

    async def server_time_ns(self):
        return BEGAN

    async def fills(self, since_ns):
        if self.failures:
            self.failures -= 1
            raise OutcomeUnknown("TradesHistory for MASTER: HTTP 502")
        return list(self.trades)


class Account:
    """A user's account: remembers what it was told, and misbehaves on request."""

    def __init__(self, name="USER:anna", answers=(), clock=None):
        self.name, self.answers, self.clock = name, list(answers), clock
        self.fingerprint = f"the key of {name}"
        self.orders, self.priorities = [], []
        self.gate = asyncio.Event()
        self.gate.set()

    async def place(self, order, *, priority):
        self.orders.append(order)
        self.priorities.append(priority)
        await self.gate.wait()
        if self.clock:
            self.clock.advance(7 * NS_PER_MS)
        answer = self.answers.pop(0) if self.answers else Placement(f"TX{len(self.orders)}", order.volume)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Stage:
    """A master, some users, and the engine between them."""

    def __init__(self, *accounts, multiplier="0.5"):
        self.master, self.receipts, self.pauses = Master(), ReceiptBook(), []
        self.clock = ManualClock(BEGAN)
        policy = CopyPolicy(Decimal(multiplier))
        self.followers = [
            Follower(account, policy, RULES, self.receipts, self.clock, self.sleep) for account in accounts
        ]
        self.polls = []
        self.trader = CopyTrader(FillFeed(self.master, every_s=2), self.followers, self.clock, self.rest)

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.clock.advance(int(seconds * NS_PER_SECOND))

    async def rest(self, seconds):
        self.polls.append(seconds)
        await asyncio.sleep(0)

    async def fill(self, *fills):
        wanted = self.trader.received + len(fills)
        self.master.trades.extend(fills)
        while self.trader.received < wanted:
            await asyncio.sleep(0)


async def test_every_fill_becomes_an_order_of_the_multiplied_volume_for_every_user():
    accounts = [Account(f"USER:{name}") for name in ("anna", "bert", "cleo")]
    stage = Stage(*accounts)
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
        await stage.fill(fill(2, "0.03", "sell"))
        await stage.trader.settled()
    for account in accounts:
        assert [(one.side, one.volume) for one in account.orders] == [
            ("buy", Decimal("0.005")),
            ("sell", Decimal("0.015")),
        ]
        assert account.priorities == [Priority.ENTRY, Priority.EXIT]
        assert [receipt.verdict for receipt in stage.receipts.of(account.name)] == [Verdict.COPIED] * 2


async def test_what_the_master_did_before_the_start_is_not_copied():
    account = Account()
    stage = Stage(account)
    stage.master.trades = [fill(1)]
    async with stage.trader:
        await stage.fill(fill(2, "0.02"))
        await stage.trader.settled()
    assert [one.volume for one in account.orders] == [Decimal("0.010")]


async def test_small_fills_are_carried_with_a_visible_reason_until_they_make_an_order():
    account = Account()
    stage = Stage(account)
    async with stage.trader:
        for number in range(1, 5):
            await stage.fill(fill(number, "0.00007"))
            await stage.trader.settled()
    assert [one.volume for one in account.orders] == [Decimal("0.000105")]
    receipts = stage.receipts.of(account.name)
    assert [receipt.verdict.value for receipt in receipts] == ["carried", "carried", "copied", "carried"]
    assert "order minimum 0.0001" in receipts[0].reason
    assert [receipt.fills for receipt in receipts] == [("T1",), ("T2",), ("T3",), ("T4",)]
    assert receipts[1].carried == Decimal("0.00007")


async def test_a_hung_user_delays_nobody_and_catches_up_with_one_order():
    hung, well = Account("USER:hung"), Account("USER:well")
    hung.gate.clear()
    stage = Stage(hung, well)
    async with stage.trader:
        for number in range(1, 6):
            await stage.fill(fill(number))
            await stage.trader.settled([stage.followers[1]])
        assert len(well.orders) == 5
        assert len(hung.orders) == 1
        hung.gate.set()
        await stage.trader.settled()
    assert [one.volume for one in hung.orders] == [Decimal("0.005"), Decimal("0.020")]
    assert [receipt.fills for receipt in stage.receipts.of("USER:hung")] == [("T1",), ("T2", "T3", "T4", "T5")]


async def test_fills_of_different_sides_are_not_mixed_nor_reordered():
    account = Account()
    account.gate.clear()
    stage = Stage(account, multiplier="1")
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.fill(fill(2), fill(3), fill(4, side="sell"), fill(5), fill(6, pair="XETHZUSD"))
        account.gate.set()
        await stage.trader.settled()
    assert [(one.pair, one.side, str(one.volume)) for one in account.orders] == [
        ("XXBTZUSD", "buy", "0.01000000"),
        ("XXBTZUSD", "buy", "0.02000000"),
        ("XXBTZUSD", "sell", "0.01000000"),
        ("XXBTZUSD", "buy", "0.01000000"),
        ("XETHZUSD", "buy", "0.01000000"),
    ]


async def test_a_refused_copy_says_why_and_is_made_up_for_by_the_next():
    account = Account(answers=[refused("EOrder:Insufficient funds")])
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
        await stage.fill(fill(2))
        await stage.trader.settled()
    first, second = stage.receipts.of(account.name)
    assert (first.verdict, first.volume, first.carried) == (Verdict.REFUSED, 0, Decimal("0.005"))
    assert "Insufficient funds" in first.reason
    assert second.volume == Decimal("0.010")


def refused(error):
    return Refused((error,), classify(error))


async def test_a_copy_refused_for_a_passing_reason_is_tried_until_it_is_taken():
    account = Account(answers=[refused("EService:Market in cancel_only mode")] * 3)
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1, side="sell"))
        await stage.trader.settled()
    assert len({order.cl_ord_id for order in account.orders}) == 1
    assert stage.pauses == [0.5, 1.0, 2.0]
    assert [one.verdict for one in stage.receipts] == [Verdict.COPIED]


async def test_insisting_has_an_end_and_leaves_a_receipt():
    account = Account(answers=[refused("EOrder:Rate limit exceeded")] * 100)
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
    assert 300 <= sum(stage.pauses) <= 330
    receipt = next(iter(stage.receipts))
    assert (receipt.verdict, receipt.carried) == (Verdict.REFUSED, Decimal("0.005"))


async def test_the_same_order_is_asked_for_until_its_fate_is_known_and_nothing_else_is():
    lost, locked = OutcomeUnknown("connection lost"), RequestRefused("OpenOrders: EGeneral:Temporary lockout")
    found = Placement("OTX", Decimal("0.005"), attempts=2, looked_up=True)
    account = Account(answers=[lost, lost, locked, found])
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
    assert len(account.orders) == 4
    assert len(set(account.orders)) == 1, "the same name, which the broker's journal knows"
    assert stage.pauses == [0.5, 1.0, 2.0]
    receipt = stage.receipts.of(account.name)[0]
    assert (receipt.verdict, receipt.txid, receipt.attempts) == (Verdict.COPIED, "OTX", 2)
    assert "looked up" in receipt.reason


async def test_a_follower_that_breaks_down_stops_alone():
    broken, well = Account("USER:broken", answers=[RuntimeError("a bug")]), Account("USER:well")
    stage = Stage(broken, well)
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
        await stage.fill(fill(2))
        await stage.trader.settled()
    assert list(stage.trader.broken) == ["USER:broken"]
    assert len(well.orders) == 2


async def test_stopping_in_the_middle_of_an_order_leaves_a_receipt_that_names_it():
    account = Account()
    account.gate.clear()
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1))
        while not account.orders:
            await asyncio.sleep(0)
    receipt = next(iter(stage.receipts))
    assert (receipt.verdict, receipt.cl_ord_id) == (Verdict.FAILED, account.orders[0].cl_ord_id)
    assert "stopped before" in receipt.reason


async def test_books_that_cannot_be_read_are_read_again():
    account = Account()
    stage = Stage(account)
    async with stage.trader:
        stage.master.failures = 7
        await stage.fill(fill(1))
        await stage.trader.settled()
    assert len(account.orders) == 1
    assert stage.polls[:7] == [4, 8, 16, 32, 60, 60, 60], "an exchange in trouble is asked less and less often"
    assert stage.polls[7] == 2


async def test_a_pair_the_exchange_does_not_list_is_skipped_with_a_reason():
    account = Account()
    stage = Stage(account)
    async with stage.trader:
        await stage.fill(fill(1, pair="NEWUSD"))
        await stage.trader.settled()
    assert account.orders == []
    assert "NEWUSD" in stage.receipts.of(account.name)[0].reason


async def test_a_receipt_tells_how_long_the_copy_took():
    stage = Stage(Account())
    stage.followers[0].account.clock = stage.clock
    async with stage.trader:
        await stage.fill(fill(1))
        await stage.trader.settled()
    receipt = next(iter(stage.receipts))
    assert receipt.latency_ns == 7 * NS_PER_MS
    assert receipt.filled_ns == BEGAN + 1
    assert stage.receipts.latencies_ns(["USER:anna"]) == [7 * NS_PER_MS]
    assert stage.receipts.latencies_ns(["USER:other"]) == []


def test_one_account_cannot_follow_twice():
    with pytest.raises(ConfigError, match="twice"):
        Stage(Account(), Account())


def test_order_names_are_deterministic_valid_and_different():
    names = {order_name(f"USER:{user}", f"T{number}") for user in range(100) for number in range(100)}
    assert len(names) == 10_000
    assert all(len(name) == 18 and name.isalnum() and name == name.lower() for name in names)
    assert order_name("USER:anna", "T1") == order_name("USER:anna", "T1")


def test_percentiles_are_values_that_occurred():
    assert percentile([], 50) is None
    assert percentile([3], 99) == 3
    assert percentile(range(1, 101), 50) == 50
    assert percentile(range(1, 101), 99) == 99
    assert percentile([1, 2, 3, 4], 50) == 2


@pytest.mark.parametrize("owner", ["the master's key", "the key of USER:anna"])
def test_a56_one_key_for_two_accounts_is_refused(owner):
    anna, bert = Account("USER:anna"), Account("USER:bert")
    bert.fingerprint = owner
    with pytest.raises(ConfigError, match=r"USER:bert have the same API key"):
        Stage(anna, bert)
