"""A31 in virtual time: the engine dies at every step there is, and every fill is copied exactly once all the same.

The real thing, with processes and kill -9, is in test_kill_minus_nine.
"""

from collections import Counter
from decimal import Decimal

import pytest

from krakenonce.copytrader.naming import order_name
from krakenonce.copytrader.policy import Guards, Rest, UserPolicy
from tests.copytrader.engine.world import ETH, STEPS, Fate, Life, ToyAccount, World

USERS = 3
LONG_ENOUGH = Guards(max_age_s=3600)

POLICIES = {
    "limit": UserPolicy(guards=LONG_ENOUGH, rest=Rest.RETRY),
    "market": UserPolicy(guards=LONG_ENOUGH, rest=Rest.MARKET),
}


def wire(kind):
    """What happens to the orders, besides the death of who sent them."""
    if kind == "calm":
        return []
    return [Fate(part=Decimal("0.5")), Fate(lost=True), Fate(dropped=True), Fate(unsent=True), Fate(part=Decimal(0))]


async def trade_through_deaths(world, deaths):
    """Have the master trade while the engine dies by *deaths*, one after the other; the feed never tires."""
    story = [("buy", "1", "XXBTZUSD"), ("buy", "2", ETH), ("buy", "0.5", "XXBTZUSD"), ("sell", "0.75", "XXBTZUSD")]
    story += [("sell", "2", ETH), ("buy", "1", ETH), ("sell", "0.75", "XXBTZUSD")]
    lives, fills = iter(deaths), []
    await world.start(next(lives, None))
    for side, volume, pair in story:
        fills.append(world.fill(side, volume, pair=pair))
        world.copier.on_fills([fills[-1]])
        await world.unless_dead(world.copier.idle())
        while world.life.is_over:
            await world.start(next(lives, None))
            # What a feed does after a start: everything from the cursor on, and more than once.
            world.copier.on_fills([*fills[-2:], *fills])
            await world.unless_dead(world.copier.idle())
    return fills


def findings(world):
    """Return what is wrong, by the exchange's own count: positions, and how often each name exists."""
    wrong = []
    for user, account in world.accounts.items():
        held = {asset: account.totals[asset] for asset in ("XXBT", "XETH")}
        if held != {"XXBT": Decimal(0), "XETH": Decimal(1)}:
            wrong.append(f"{user} holds {held}")
    names = Counter(one.order.cl_ord_id for one in world.market.orders)
    wrong += [f"{name} exists {count} times" for name, count in names.items() if count > 1]
    bought = Counter()
    for one in world.market.orders:
        bought[one.user, one.order.line.pair, one.order.side] += one.state.executed
    expected = {("XXBTZUSD", "buy"): "1.5", ("XXBTZUSD", "sell"): "1.5", (ETH, "buy"): "3", (ETH, "sell"): "2"}
    for user in world.accounts:
        for (pair, side), volume in expected.items():
            if bought[user, pair, side] != Decimal(volume):
                wrong.append(f"{user} has {side} {bought[user, pair, side]} of {pair}")
    return wrong


def perform(policy, kind, deaths):
    world = World()
    for account in world.users(USERS, POLICIES[policy]):
        account.fates.extend(wire(kind))

    async def main():
        await trade_through_deaths(world, deaths)

    world.run(main)
    return world


@pytest.mark.parametrize("kind", ["calm", "stormy"])
@pytest.mark.parametrize("policy", list(POLICIES))
@pytest.mark.parametrize("step", STEPS)
def test_whenever_it_dies_every_fill_is_copied_exactly_once(step, policy, kind):
    died = 0
    for after in range(0, 60, 1 if kind == "calm" else 3):
        life = Life(step, after)
        world = perform(policy, kind, [life])
        assert findings(world) == [], f"died at {step!r} after {after}"
        died += life.is_over
        if not life.is_over:
            break
    assert died > 5


@pytest.mark.parametrize("policy", list(POLICIES))
def test_it_may_die_again_and_again(policy):
    deaths = [Life(step, after) for after in (0, 1, 2, 4) for step in STEPS]
    world = perform(policy, "stormy", deaths)
    assert findings(world) == []
    assert sum(one.is_over for one in deaths) >= 10


def test_the_positive_control_without_a_journal_orders_are_doubled(monkeypatch):
    def forgetful(self, batch):
        return [frozenset()] * len(batch)

    monkeypatch.setattr("krakenonce.copytrader.journal.sqlite.SqliteBackend.write", forgetful)
    monkeypatch.setattr("krakenonce.copytrader.engine.comings.FollowRow", lambda *row: row)
    world = perform("limit", "calm", [Life("answered", 2)])
    assert findings(world) != []


def test_the_positive_control_with_random_names_orders_are_doubled(monkeypatch):
    send, numbers = ToyAccount.send, iter(range(USERS))

    def send_under_any_name(self, order):
        number = next(numbers, None)
        name = order.cl_ord_id if number is None else order_name(order.line, "random", number)
        return send(self, order._replace(cl_ord_id=name))

    monkeypatch.setattr(ToyAccount, "send", send_under_any_name)
    assert findings(perform("limit", "calm", [Life("sent", USERS - 1)])) != []
