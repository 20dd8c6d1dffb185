"""No money is made or lost, whatever is ordered; and the audit sees it if it is."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from krakenonce.kraken.pairs import PAIRS
from krakenonce.simulator.accounting import audit
from krakenonce.simulator.prices import start_price

TYPES = ("market", "limit", "limit", "limit", "iceberg", "stop-loss", "take-profit", "stop-loss-limit")
MORE_TYPES = ("take-profit-limit", "trailing-stop", "trailing-stop-limit")


def random_order(rng: random.Random) -> dict[str, Any]:
    pair = rng.choice(PAIRS)
    ordertype = rng.choice(TYPES + MORE_TYPES)
    price = start_price(pair)
    volume = pair.order_min * Decimal(rng.choice((1, 2, 7, 40, 300, 2500)))
    fields = {
        "pair": pair.altname,
        "type": rng.choice(("buy", "sell")),
        "ordertype": ordertype,
        "volume": f"{volume:f}",
    }
    fields |= prices_for(rng, ordertype, pair, price)
    extras: list[dict[str, Any]] = [
        {},
        {"oflags": rng.choice(("post", "fcib", "fciq", "viqc"))},
        {"timeinforce": rng.choice(("IOC", "FOK"))},
        {"timeinforce": "GTD", "expiretm": f"+{rng.randint(5, 90)}"},
        {"starttm": f"+{rng.randint(1, 30)}"},
        {"userref": rng.randint(-5, 5)},
        {"cl_ord_id": f"id{rng.randint(0, 30)}"},
        {"stptype": rng.choice(("cancel-newest", "cancel-oldest", "cancel-both"))},
        {"close[ordertype]": "take-profit", "close[price]": "+5%"},
        {"leverage": rng.choice(("2", "5:1")), "reduce_only": rng.choice(("true", "False"))},
    ]
    return fields | rng.choice(extras)


def prices_for(rng: random.Random, ordertype: str, pair, price: Decimal) -> dict[str, str]:
    def near(spread: float) -> str:
        return f"{(price * Decimal(1 + rng.uniform(-spread, spread))).quantize(pair.tick):f}"

    if ordertype == "market":
        return {}
    if ordertype.startswith("trailing"):
        fields = {"price": f"+{rng.randint(1, 4)}%"}
        return fields | ({"price2": "-0.1%"} if ordertype.endswith("limit") else {})
    fields = {"price": near(0.01)}
    if ordertype == "iceberg":
        fields["displayvol"] = f"{pair.order_min:f}"
    return fields | ({"price2": near(0.01)} if ordertype.endswith("-limit") else {})


def act(bench, rng: random.Random, account) -> None:
    key = account.keys[0]
    open_ids = list(account.open_orders)
    move = rng.random()
    if move < 0.75 or not open_ids:
        bench.call("AddOrder", key=key, **random_order(rng))
    elif move < 0.85:
        bench.call("CancelOrder", key=key, txid=rng.choice(open_ids))
    elif move < 0.98:
        order = account.orders[rng.choice(open_ids)]
        changes = {"order_qty": f"{order.volume * rng.choice((1, 2)):f}"}
        if order.limit_price is not None:
            changes["limit_price"] = f"{(order.limit_price * Decimal('1.002')).quantize(order.pair.tick):f}"
        bench.call("AmendOrder", key=key, txid=order.txid, **changes)
    else:
        bench.call("CancelAll", key=key)


@pytest.mark.parametrize(("seed", "margin"), [(1, False), (2, True)])
def test_the_books_balance_after_thousands_of_random_orders(make_bench, seed: int, margin: bool):
    print(f"seed {seed}")
    rng = random.Random(seed)
    bench = make_bench(accounts=4, volatility=0.2, seed=seed, depth_usd=Decimal(5000), margin=margin)
    for number in range(5000):
        act(bench, rng, rng.choice(bench.exchange.accounts))
        if number % 20 == 0:
            bench.wait(rng.uniform(0, 2))
        if number % 1000 == 0:
            assert audit(bench.exchange) == []
    assert audit(bench.exchange) == []
    assert bench.exchange.evidence.crashes == []
    statuses = {order.status for account in bench.exchange.accounts for order in account.orders.values()}
    assert statuses == {"open", "pending", "closed", "canceled", "expired"}
    assert sum(len(account.trades) for account in bench.exchange.accounts) > 1000
    assert any(trade.position for account in bench.exchange.accounts for trade in account.trades) == margin


def broken(bench, spoil) -> list[str]:
    bench.order(ordertype="market")
    txid = bench.order(price="40000")
    assert audit(bench.exchange) == []
    spoil(bench.master, bench.master.orders[txid])
    return audit(bench.exchange)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda account, order: account.wallet.balances.update(
            ZUSD=account.wallet.balances["ZUSD"] + Decimal("0.00001")
        ),
        lambda account, order: account.wallet.hold("ZUSD", Decimal(1)),
        lambda account, order: account.trades.pop(),
        lambda account, order: setattr(order, "filled", Decimal("0.01")),
        lambda account, order: setattr(order, "status", "canceled"),
        lambda account, order: account.open_orders.pop(order.txid),
    ],
)
def test_the_audit_sees_what_is_wrong(bench, spoil):
    assert broken(bench, spoil)
