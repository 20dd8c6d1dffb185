"""Fills, lines, rules and circumstances for tests: what is not said is ordinary."""

from decimal import Decimal

from hypothesis import strategies as st

from krakenonce.broker import PairRules
from krakenonce.copytrader.circumstances import Circumstances
from krakenonce.copytrader.masterbook import Change
from krakenonce.copytrader.ordering import Moment
from krakenonce.copytrader.records import Line, LineKey, MasterFill

SECOND = 10**9
START = 1_790_000_000 * SECOND
RICH = Decimal(10) ** 12
KEY = LineKey("USER:anna", "MASTER", "XXBTZUSD")


def d(text):
    return Decimal(str(text))


def rules(key="XXBTZUSD", *, order_min="0.00005", cost_min="0.5", lots=8, ticks=1, status="online"):
    base, quote = key[:4], key[4:]
    names = (key, key.replace("XX", "X").replace("Z", ""), f"{base[1:]}/{quote[1:]}")
    return PairRules(*names, base, quote, ticks, lots, d(order_min), d(cost_min), status)


FREE = rules(order_min="0", cost_min="0")
"""Without minimums: what arithmetic alone gives."""


def fill(volume="1", side="buy", *, price="50000", exec_id="T1", order="O1", whole=None, at=START, pair="XXBTZUSD"):
    order_volume = None if whole is None else d(whole)
    return MasterFill("MASTER", exec_id, order, pair, side, d(volume), d(price), at, at, order_volume)


def fills(volumes, side="buy", **more):
    """One order of the master's, filled in parts."""
    whole = sum(map(d, volumes), Decimal(0))
    return [
        fill(volume, side, exec_id=f"{side}{number}", whole=whole, at=START + number, **more)
        for number, volume in enumerate(volumes)
    ]


def line(wanted="0", held="0", key=KEY):
    return Line(key, d(wanted), d(held))


def change_of(one, before="0"):
    """What *one* fill changes in a book that holds *before*, as the only fill of its order."""
    moved = one.volume if one.side == "buy" else -one.volume
    whole = one.volume if one.order_volume is None else one.order_volume
    return Change(d(before), max(d(before) + moved, Decimal(0)), one.volume / whole, whole)


def now(**more):
    return Circumstances(**{"now_ns": START + SECOND, "available": RICH, **more})


def moment(**more):
    usual = {
        "now_ns": START + SECOND,
        "exec_id": "T1",
        "attempt": 0,
        "reference": d(50000),
        "available_base": RICH,
        "available_quote": RICH,
        "fresh_until_ns": START + 10 * SECOND,
    }
    return Moment(**{**usual, **more})


def lots(decimals=8, most=10**11):
    """Volumes in whole lots, from one lot on."""
    return st.integers(1, most).map(lambda count: Decimal(count).scaleb(-decimals))


prices = st.integers(1, 10**8).map(lambda ticks: Decimal(ticks).scaleb(-1))
ratios = st.one_of(
    st.decimals("0.000001", "1000", allow_nan=False, allow_infinity=False, places=12),
    st.sampled_from([d("0.3333333333333333333333333333"), d(1), d("0.5"), d("1.1")]),
)
