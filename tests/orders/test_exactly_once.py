"""Every wanted order exists exactly once, through every fault and kill -9 at every step; and the test can see it."""

import pytest

from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.simulator import serve_in_thread
from krakenonce.simulator.faults import Fault
from tests.orders.crew import STEPS
from tests.orders.storm import NOTHING_WRONG, census, everything, findings, struck, wanted, weather

SEED = 20261123


@pytest.fixture
def journal(tmp_path):
    return f"sqlite://{tmp_path}/orders.db"


def left_open(journal, sim):
    engine = SqliteEngine(journal.removeprefix("sqlite://"))
    rows = engine._database.execute("SELECT count(*) FROM krakenonce_intents WHERE state = 'sent'").fetchone()
    engine.close()
    return rows[0]


def storm(crew, journal, *, orders, accounts, deaths, share=0.03):
    print(f"seed {SEED}")
    with serve_in_thread(accounts=accounts + 1, seed=SEED, volatility=0, faults=everything(share)) as sim:
        rows = wanted(sim, orders, SEED)
        answers = weather(crew, sim, journal, rows, deaths=deaths, seed=SEED, steps=STEPS)
        assert findings(sim, rows, answers) == NOTHING_WRONG
        assert sum(map(len, census(sim).values())) == orders
        assert left_open(journal, sim) == 0
        assert sim.audit() == []
        return struck(sim)


def test_500_orders_through_every_fault_and_a_dozen_deaths(crew, journal):
    faults = storm(crew, journal, orders=500, accounts=20, deaths=12)
    print(dict(faults))
    kinds = {name for label in faults for name in label.split(" + ")}
    assert len(kinds) > 15, "the storm was no storm"


@pytest.mark.proof
def test_10_000_orders_through_every_fault_and_200_deaths(crew, journal):
    faults = storm(crew, journal, orders=10_000, accounts=40, deaths=200)
    assert sum(faults.values()) > 3_000


LATE = (Fault(kind="delay", ms=600, phase="before", endpoint="AddOrder", rate=0.5),)
DROPPED = (Fault(kind="drop", phase="after", endpoint="AddOrder", rate=0.5),)
STALE = (*DROPPED, Fault(kind="stale", ms=250, endpoint="OpenOrders|ClosedOrders|TradesHistory|QueryOrders"))
WINDOW = 10_000_000_000


def duplicates(crew, journal, faults, *, mutants=(), window=0, deaths=0, steps=("committed",), settle_s=0.3):
    with serve_in_thread(accounts=9, seed=SEED, volatility=0, faults=faults, nonce_window=window) as sim:
        rows = wanted(sim, 24, SEED)
        for row in rows:
            row["orders"] = [one | {"ordertype": "market"} for one in row["orders"]]
            for one in row["orders"]:
                one.pop("price", None)
                one.pop("price2", None)
        terms = {"timeout": 0.15, "settle_s": settle_s, "mutants": mutants}
        answers = weather(crew, sim, journal, rows, deaths=deaths, seed=SEED, steps=steps, **terms)
        import time

        time.sleep(0.7)  # until the last request that is late has arrived
        return len(findings(sim, rows, answers)["duplicates"])


WITHOUT = [
    pytest.param(LATE, WINDOW, 0, ("no fence",), id="a barrier beyond the window"),
    pytest.param(DROPPED, 0, 0, ("no look",), id="a look"),
    pytest.param(STALE, 0, 0, ("no second look",), id="a second look"),
    pytest.param(DROPPED, 0, 4, ("no journal",), id="the journal"),
]


@pytest.mark.parametrize(("faults", "window", "deaths", "mutants"), WITHOUT)
def test_with_all_its_parts_there_is_no_duplicate(crew, journal, faults, window, deaths, mutants):
    assert duplicates(crew, journal, faults, window=window, deaths=deaths) == 0


@pytest.mark.parametrize(("faults", "window", "deaths", "mutants"), WITHOUT)
def test_the_positive_control_without_one_of_them_there_are(crew, journal, faults, window, deaths, mutants):
    assert duplicates(crew, journal, faults, window=window, deaths=deaths, mutants=mutants) > 0
