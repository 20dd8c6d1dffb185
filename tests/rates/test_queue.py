"""Who goes first, who is held back, and how long anybody waits: in virtual time."""

import asyncio
from decimal import Decimal

import pytest

from krakenonce.clock import NS_PER_SECOND, ManualClock, rfc3339
from krakenonce.errors import ConfigError
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.credentials import fingerprint
from krakenonce.kraken.replies import Accepted, judge_errors
from krakenonce.lanes import Priority
from krakenonce.rates import Limits, NotSent, Permit, RateRegistry, Reason

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}


async def finish(order, name, call):
    assert isinstance(await call, Accepted)
    order.append(name)


def test_cancels_go_before_exits_before_entries_before_reads(make_venue):
    venue = make_venue(tier="starter")
    order = []

    async def story():
        party = venue.party(tier="starter", patience_s=1000)
        for _ in range(12):  # until nothing but a cancellation would fit
            await party.call("TradesHistory", Priority.CANCEL)
        async with asyncio.TaskGroup() as group:
            for priority in (Priority.READ, Priority.ENTRY, Priority.EXIT, Priority.CANCEL, Priority.READ):
                group.create_task(finish(order, priority.name, party.call("Balance", priority)))
                await asyncio.sleep(0.001)

    venue.run(story())
    assert order == ["CANCEL", "EXIT", "ENTRY", "READ", "READ"]
    assert venue.rate_errors == 0


def test_entries_leave_room_for_the_cancellation_of_two_new_orders(make_venue):
    venue = make_venue(tier="starter")

    async def story():
        party = venue.party(tier="starter", patience_s=0)
        placed = []
        while not isinstance(done := await party.call("AddOrder", Priority.ENTRY, **LIMIT), NotSent):
            placed.append(done.result["txid"][0])
        for txid in placed[-2:]:
            assert isinstance(await party.call("CancelOrder", Priority.CANCEL, txid=txid), Accepted)
        return len(placed)

    assert venue.run(story()) >= 43
    assert venue.rate_errors == 0


def test_one_pair_that_is_full_delays_no_other(make_venue):
    venue = make_venue(tier="starter", latency_s=0)

    async def story():
        party = venue.party(tier="starter", patience_s=1000)
        waiting = [asyncio.create_task(party.call("AddOrder", Priority.ENTRY, **LIMIT)) for _ in range(60)]
        await asyncio.sleep(0.01)
        before = venue.clock.boot_ns()
        other = {**LIMIT, "pair": "ETHUSD", "price": "1500", "volume": "0.01"}
        assert isinstance(await party.call("AddOrder", Priority.ENTRY, **other), Accepted)
        assert isinstance(await party.call("Balance"), Accepted)
        assert venue.clock.boot_ns() - before < NS_PER_SECOND // 100
        await asyncio.gather(*waiting)

    venue.run(story())
    assert venue.rate_errors == 0


def test_a_call_that_would_wait_too_long_is_answered_at_once(make_venue):
    venue = make_venue(tier="starter")

    async def story():
        party = venue.party(tier="starter", patience_s=5)
        answers = await asyncio.gather(*(party.call("Balance") for _ in range(50)))
        held_back = [answer for answer in answers if isinstance(answer, NotSent)]
        assert venue.clock.boot_ns() < 15 * NS_PER_SECOND
        assert {answer.reason for answer in held_back} == {Reason.RATE}
        assert all(answer.meaning.action is Action.WAIT and answer.meaning.no_effect for answer in held_back)
        assert all(answer.wait_s is None or answer.wait_s > 5 for answer in held_back)
        assert (
            "not sent: its counter has no room for it in time (REST, tier starter); try again in" in held_back[-1].error
        )
        return len(held_back)

    assert 35 <= venue.run(story()) <= 40
    assert venue.rate_errors == 0


def test_an_order_never_waits_until_its_deadline_has_passed(make_venue):
    venue = make_venue(tier="starter")

    async def story():
        party = venue.party(tier="starter", patience_s=1000)
        for _ in range(43):
            await party.call("AddOrder", Priority.ENTRY, **LIMIT)
        calls = []
        for _ in range(20):
            deadline = rfc3339(venue.clock.wall_ns() + 5 * NS_PER_SECOND)
            calls.append(party.call("AddOrder", Priority.ENTRY, **LIMIT, deadline=deadline))
        return await asyncio.gather(*calls)

    answers = venue.run(story())
    assert set(venue.answers) == {"Accepted"}
    assert 0 < sum(isinstance(answer, NotSent) for answer in answers) < 20


def test_who_is_cancelled_while_waiting_leaves_the_queue_and_gives_nothing_away(make_venue):
    venue = make_venue(tier="starter")

    async def story():
        party = venue.party(tier="starter", patience_s=1000)
        tasks = [asyncio.create_task(party.call("Balance")) for _ in range(30)]
        await asyncio.sleep(3)
        assert party.rates.waiting > 10
        for task in tasks[:29]:
            task.cancel()
        await tasks[29]
        assert party.rates.waiting == 0
        await asyncio.sleep(120)
        assert all(
            isinstance(answer, Accepted) for answer in await asyncio.gather(*(party.call("Balance") for _ in range(10)))
        )

    venue.run(story())
    assert venue.rate_errors == 0


def permit_of(rates, method="Balance", **fields):
    with pytest.raises(StopIteration) as end:
        next(rates.steps(method, fields, Priority.READ, asyncio.Event))
    return end.value.value


def refused(error):
    return judge_errors((error,))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make_rates(clock):
    def make(**limits):
        return RateRegistry().rates("key", "https://api.kraken.com", Limits(**{"patience_s": 0, **limits}), clock)

    return make


def test_a_permit_that_was_not_used_costs_nothing(make_rates):
    rates = make_rates(tier="starter")
    for _ in range(1000):
        with permit_of(rates):
            pass
    assert isinstance(permit_of(rates), Permit)


def test_a_second_request_of_a_turn_is_counted(make_rates):
    rates = make_rates(tier="starter")
    permits = []
    while isinstance(permit := permit_of(rates), Permit):
        permits.append(permit)
        with permit:
            permit.sent()
            permit.sent()
    assert len(permits) == 5  # of ten reads that a starter's counter leaves room for


def test_a_pause_that_kraken_asks_for_is_kept_by_every_call_of_the_key(make_rates, clock):
    rates = make_rates()
    until = clock.wall_ns() // NS_PER_SECOND + 7
    permit_of(rates).settle(refused(f"EService: Throttled: {until}"))
    for method in ("Balance", "AddOrder", "CancelOrder", "CancelAll"):
        answer = permit_of(rates, method, pair="XBTUSD", txid="O")
        assert (answer.reason, answer.wait_s) == (Reason.THROTTLED, 7.0)
    clock.advance(7 * NS_PER_SECOND)
    assert isinstance(permit_of(rates), Permit)


@pytest.mark.parametrize(("named_s", "kept_s"), [(-1000, 1), (0, 1), (10**9, 60)])
def test_a_pause_is_believed_between_a_second_and_a_minute(make_rates, clock, named_s, kept_s):
    rates = make_rates()
    permit_of(rates).settle(refused(f"EService:Throttled:{clock.wall_ns() // NS_PER_SECOND + named_s}"))
    assert permit_of(rates).wait_s == kept_s


def test_a_refusal_for_the_rate_is_learnt_from(make_rates, clock):
    """Somebody else uses the key as well: our counter said there was room."""
    rates = make_rates(tier="pro")
    permit_of(rates).settle(refused("EAPI:Rate limit exceeded"))
    answer = permit_of(rates)
    assert answer.reason is Reason.RATE
    clock.advance(int(answer.wait_s * NS_PER_SECOND) + 1)
    assert isinstance(permit_of(rates), Permit)


@pytest.mark.parametrize("error", ["EOrder:Rate limit exceeded", "EOrder:Domain rate limit exceeded"])
def test_a_refusal_of_the_engine_is_learnt_from(make_rates, error):
    rates = make_rates(tier="pro")
    permit_of(rates, "AddOrder", pair="ETHUSD")
    permit_of(rates, "AddOrder", pair="XBTUSD").settle(refused(error))
    assert permit_of(rates, "AddOrder", pair="XBTUSD").reason is Reason.RATE
    others = permit_of(rates, "AddOrder", pair="ETHUSD")
    assert isinstance(others, NotSent) is ("Domain" in error)
    assert isinstance(permit_of(rates), Permit)


def test_too_many_requests_are_answered_by_longer_and_longer_pauses(make_rates, clock):
    rates = make_rates()
    pauses = []
    for _ in range(8):
        permit_of(rates).settle(refused("EGeneral:Too many requests"))
        pauses.append(permit_of(rates).wait_s)
        clock.advance(61 * NS_PER_SECOND)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    permit_of(rates).settle(Accepted({}))
    permit_of(rates).settle(refused("EGeneral:Too many requests"))
    assert permit_of(rates).wait_s == 1


def test_too_many_open_orders_of_a_pair_hold_its_orders_back_until_one_is_cancelled(make_rates):
    rates = make_rates(tier="pro")
    permit_of(rates, "AddOrder", **LIMIT, cl_ord_id="a").settle(Accepted({"txid": ["O-1"]}))
    permit_of(rates, "AddOrder", **LIMIT).settle(refused("EOrder:Orders limit exceeded"))
    assert permit_of(rates, "AddOrder", **LIMIT).reason is Reason.OPEN_ORDERS
    assert isinstance(permit_of(rates, "AddOrder", **{**LIMIT, "pair": "ETHUSD"}), Permit)
    assert isinstance(permit_of(rates, "AddOrder", pair="XBTUSD", ordertype="market"), Permit)
    permit_of(rates, "CancelOrder", txid="O-1").settle(Accepted({"count": 1}))
    assert isinstance(permit_of(rates, "AddOrder", **LIMIT), Permit)


def test_an_order_of_an_unknown_pair_is_counted_at_every_pair(make_rates):
    rates = make_rates(tier="starter")
    for number in range(8):
        permit_of(rates, "CancelOrder", txid=f"O-{number}").settle(Accepted({"count": 1}))
    for pair in ("XBTUSD", "ETHUSD"):
        assert permit_of(rates, "AddOrder", pair=pair).reason is Reason.RATE


def test_orders_seen_in_a_list_are_known_by_their_pair(make_rates):
    rates = make_rates(tier="starter")
    entry = {"status": "open", "cl_ord_id": "mine", "descr": {"pair": "XBTUSD"}}
    permit_of(rates, "OpenOrders").settle(Accepted({"open": {"O-1": entry}}))
    assert permit_of(rates, "CancelOrder", txid="O-1").pairs == ("XXBTZUSD",)
    assert permit_of(rates, "CancelOrder", cl_ord_id="mine").pairs == ("XXBTZUSD",)


@pytest.mark.parametrize("result", [None, 3, [], {"open": 3}, {"open": {"O": None}}, {"txid": 3}, {"orders": [None]}])
@pytest.mark.parametrize("method", ["OpenOrders", "AddOrder", "AddOrderBatch", "EditOrder", "CancelOrderBatch"])
def test_no_answer_is_so_strange_that_it_breaks_anything(make_rates, method, result):
    rates = make_rates(tier="pro")
    permit_of(rates, method, pair=3, orders=[None, 5], txid=["x"]).settle(Accepted(result))
    assert isinstance(permit_of(rates), Permit)


def test_the_lowest_tier_is_assumed_everywhere_but_on_this_machine():
    def tier(url, **limits):
        found = Limits(**limits).tier_at(url)
        return found and found.name

    assert tier("https://api.kraken.com") == "starter"
    assert tier("http://10.0.0.1:8080") == "starter"
    assert tier("http://127.0.0.1:8080") is None
    assert tier("http://[::1]:80") is None
    assert tier("http://localhost") is None
    assert tier("http://127.0.0.1", tier="pro") == "pro"
    assert tier("https://api.kraken.com", tier="none") is None


@pytest.mark.parametrize(
    "limits", [{"tier": "gold"}, {"share": Decimal("0.1")}, {"share": Decimal(2)}, {"patience_s": -1}]
)
def test_impossible_limits_are_refused(limits):
    with pytest.raises(ConfigError):
        Limits(**limits)


def test_one_key_has_one_set_of_limits(clock):
    registry = RateRegistry()
    rates = registry.rates("key", "https://api.kraken.com", Limits(), clock)
    assert registry.rates("key", "https://api.kraken.com/", Limits(), clock) is rates
    with pytest.raises(ConfigError, match=fingerprint("key")):
        registry.rates("key", "https://api.kraken.com", Limits("pro"), clock)
