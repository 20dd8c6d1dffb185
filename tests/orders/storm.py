"""Orders through everything that can go wrong at once, and what the exchange says of them afterwards."""

import random
import time
from collections import Counter
from dataclasses import dataclass

from krakenonce.simulator.faults import Fault


@dataclass(frozen=True)
class Pace:
    """How long things take in a storm. What must hold holds at any pace and on any machine.

    Attributes:
        timeout_s: after how long the client gives up.
        late_ms: how long requests and answers are under way that come too late.
        stale_ms: by how much the books lag; settle_s: how long the client waits between its two looks.
    """

    timeout_s: float
    late_ms: float
    stale_ms: float
    settle_s: float


QUICK = Pace(timeout_s=2, late_ms=2_800, stale_ms=300, settle_s=0.4)
HASTY = Pace(timeout_s=0.25, late_ms=450, stale_ms=300, settle_s=0.4)
"""For ten thousand orders. A machine that is too slow for it gives up more often, and takes longer; that is all."""

AS_IN_LIFE = Pace(timeout_s=10, late_ms=13_000, stale_ms=8_000, settle_s=10)


def everything(share, pace=QUICK):
    """Every fault there is, each for a *share* of the orders, and of the questions that follow."""
    late_ms, stale_ms = pace.late_ms, pace.stale_ms
    orders, reads = "AddOrder", "OpenOrders|ClosedOrders|TradesHistory|QueryOrders|GetApiKeyInfo"
    lost = [
        Fault(kind=kind, phase=phase, endpoint=orders, rate=share) for kind in ("drop", "reset") for phase in PHASES
    ]
    pages = [
        Fault(kind="http", status=status, phase=phase, endpoint=orders, rate=share)
        for status, phase in ((502, "before"), (503, "after"), (504, "after"), (520, "after"), (520, "before"))
    ]
    errors = [
        Fault(kind="error", error=error, phase=phase, endpoint=orders, rate=share)
        for error in ("EService:Unavailable", "EGeneral:Internal error", "EService:Timeout")
        for phase in PHASES
    ]
    hung = [Fault(kind="hang", ms=late_ms, phase=phase, endpoint=orders, rate=share) for phase in PHASES]
    late = [Fault(kind="delay", ms=late_ms, phase=phase, endpoint=orders, rate=share) for phase in PHASES]
    asked = [
        Fault(kind="stale", ms=stale_ms, endpoint=reads, rate=0.4),
        Fault(kind="drop", phase="before", endpoint=reads, rate=share),
        Fault(kind="http", phase="after", endpoint=reads, rate=share),
        Fault(kind="hang", ms=late_ms, phase="before", endpoint=reads, rate=share / 4),
    ]
    return (*lost, *pages, *errors, *hung, *late, *asked)


PHASES = ("before", "after")

PRICES = {
    "market": {},
    "limit": {"price": "40000"},
    "stop-loss": {"price": "90000"},
    "take-profit": {"price": "40000"},
    "stop-loss-limit": {"price": "90000", "price2": "91000"},
    "take-profit-limit": {"price": "40000", "price2": "40001"},
}
"""Every order type, at prices that let the market order fill at once and the others rest (Bitcoin at 50,000)."""


def order_of(name, ordertype="market"):
    row = {"pair": "XXBTZUSD", "side": "buy", "volume": "0.0002", "ordertype": ordertype, "cl_ord_id": name}
    return row | PRICES[ordertype]


def wanted(sim, number, seed):
    """Return *number* orders over all accounts but the master's, seven of ten at the market."""
    dice, accounts = random.Random(seed), sim.accounts[1:]
    rows = [{"name": one.name, "key": one.key, "secret": one.secret, "orders": []} for one in accounts]
    for place in range(number):
        ordertype = "market" if dice.random() < 0.7 else dice.choice(list(PRICES))
        rows[place % len(rows)]["orders"].append(order_of(f"w{place}", ordertype))
    return rows


def weather(
    crew, sim, journal, rows, *, deaths, seed, steps, mutants=(), timeout=QUICK.timeout_s, settle_s=QUICK.settle_s
):
    """Have *rows* of orders placed by processes of which the first *deaths* are killed. Return the answers by name."""
    dice, answers = random.Random(seed), {}
    terms = {"url": sim.url, "journal": journal, "timeout": timeout, "settle_s": settle_s, "mutants": mutants}
    for round_number in range(deaths + 1):
        left = [row | {"orders": [one for one in row["orders"] if one["cl_ord_id"] not in answers]} for row in rows]
        left = [row for row in left if row["orders"]]
        death = (dice.choice(steps), dice.randrange(1, 15)) if round_number < deaths else None
        status, said = crew.run(**terms, accounts=left, death=death)
        assert status in (0, -9), f"the process ended by itself with {status}"
        for answer in said:
            answers.setdefault(answer["name"], answer)
    assert status == 0
    return answers


def calm(sim):
    """Wait until the last late request has arrived."""
    while any(sim.exchange.evidence.record(key).in_flight for key in sim.exchange.keys.values()):
        time.sleep(0.001)


def census(sim):
    """Return every order that exists at the exchange: txids by the name it was given."""
    orders = {}
    for account in sim.accounts:
        for txid, order in account.orders.items():
            orders.setdefault(order.ticket.cl_ord_id, []).append(txid)
    return orders


def findings(sim, rows, answers):
    """Return what is wrong: nothing, if every wanted order exists once and was reported with its own txid."""
    orders, names = census(sim), [one["cl_ord_id"] for row in rows for one in row["orders"]]
    wrong = {name: orders.get(name, []) for name in names if len(orders.get(name, [])) != 1}
    lost = [name for name in names if name in orders and answers[name]["txid"] not in orders[name]]
    unwanted = [name for name in orders if name not in names]
    return {
        "duplicates": {name: txids for name, txids in wrong.items() if len(txids) > 1},
        "missing": [name for name, txids in wrong.items() if not txids],
        "wrong txid": lost,
        "unwanted": unwanted,
    }


NOTHING_WRONG = {"duplicates": {}, "missing": [], "wrong txid": [], "unwanted": []}


def struck(sim):
    """Return how often each fault struck, as the exchange's own log has it."""
    return Counter(row["fault"] for row in sim.log() if row["fault"])
