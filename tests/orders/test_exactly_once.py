"""Every wanted order exists exactly once, through every fault and kill -9 at every step; and the test can see it."""

import pytest

from krakenonce.orders.sqlite import SqliteEngine
from krakenonce.simulator import serve_in_thread
from krakenonce.simulator.faults import Fault
from tests.leap import LONG_S
from tests.orders.crew import STEPS
from tests.orders.storm import (
    AS_IN_LIFE,
    HASTY,
    NOTHING_WRONG,
    QUICK,
    calm,
    census,
    everything,
    findings,
    struck,
    wanted,
    weather,
)
from tests.orders.traders import control, release

SEED = 20261123


@pytest.fixture
def journal(tmp_path):
    return f"sqlite://{tmp_path}/orders.db"


def left_open(journal, sim):
    engine = SqliteEngine(journal.removeprefix("sqlite://"))
    rows = engine._file._database.execute("SELECT count(*) FROM krakenonce_intents WHERE state = 'sent'").fetchone()
    engine.close()
    return rows[0]


def storm(crew, journal, *, orders, accounts, deaths, pace=QUICK):
    print(f"seed {SEED}")
    with serve_in_thread(accounts=accounts + 1, seed=SEED, volatility=0, faults=everything(0.03, pace)) as sim:
        rows = wanted(sim, orders, SEED)
        terms = {"timeout": pace.timeout_s, "settle_s": pace.settle_s}
        answers = weather(crew, sim, journal, rows, deaths=deaths, seed=SEED, steps=STEPS, **terms)
        calm(sim)
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
    faults = storm(crew, journal, orders=10_000, accounts=40, deaths=200, pace=HASTY)
    assert sum(faults.values()) > 3_000


@pytest.mark.proof
def test_1_000_orders_with_time_outs_and_books_as_slow_as_in_life(crew, journal):
    """A time-out of 10 s, books that lag by 8 s, 10 s between two looks: nothing is scaled."""
    faults = storm(crew, journal, orders=1_000, accounts=100, deaths=5, pace=AS_IN_LIFE)
    assert sum(faults.values()) > 300


HOUR_MS = 3_600_000
BOOKS = "OpenOrders|ClosedOrders|TradesHistory|QueryOrders"
LATE = (Fault(kind="hold", ms=HOUR_MS, endpoint="AddOrder", times=6),)
DROPPED = (Fault(kind="drop", phase="after", endpoint="AddOrder", rate=0.5),)
STALE = (*DROPPED, Fault(kind="stale", ms=250, endpoint=BOOKS))
STALE_FOR_LONG = (*DROPPED, Fault(kind="stale", ms=HOUR_MS, endpoint=BOOKS))
IMPATIENT_S = 5
"""Long enough for whatever is not held, a thousand times over; what is held waits for the end in any case."""

WINDOW = 1_800_000_000_000
"""Half an hour: a request of which a later one was accepted may still execute, as long as no barrier was raised."""


def duplicates(crew, journal, faults, *, mutants=(), window=0, deaths=0):
    """Have 24 market orders placed and return how many of them exist more than once. No span of time decides.

    What is held has timed out at the client, and is let go when the client is done with everything. The exchange's
    clock is set back before, so that no deadline refuses what only the fence must refuse.
    """
    with serve_in_thread(accounts=9, seed=SEED, volatility=0, faults=faults, nonce_window=window) as sim:
        rows = wanted(sim, 24, SEED)
        for row in rows:
            row["orders"] = [one | {"ordertype": "market"} for one in row["orders"]]
            for one in row["orders"]:
                one.pop("price", None)
                one.pop("price2", None)
        terms = {"timeout": IMPATIENT_S if faults is LATE else LONG_S, "settle_s": 0.3, "mutants": mutants}
        answers = weather(crew, sim, journal, rows, deaths=deaths, seed=SEED, steps=("committed",), **terms)
        control(sim, "clock", error_ms=-HOUR_MS)
        assert release(sim) == sum(fault.times for fault in faults if fault.kind == "hold")
        calm(sim)
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
    faults = STALE_FOR_LONG if faults is STALE else faults
    assert duplicates(crew, journal, faults, window=window, deaths=deaths, mutants=mutants) > 0
