"""Names, steps and minimums of the pairs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from krakenonce.errors import ConfigError
from krakenonce.kraken.limits import TIERS, engine_cost, rest_cost
from krakenonce.kraken.pairs import PAIRS, find_asset, find_pair, round_down


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "BTC/USD"])
def test_every_spelling_finds_the_pair(name: str):
    pair = find_pair(name)
    assert (pair.key, pair.altname, pair.wsname, pair.symbol) == ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD")
    assert (pair.tick, pair.lot, pair.order_min) == (Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00005"))


def test_dogecoin_has_no_pair_called_dogeusd():
    assert find_pair("DOGE/USD").key == find_pair("XDGUSD").altname == "XDGUSD"
    with pytest.raises(ConfigError, match="Kraken calls it DOGE/USD"):
        find_pair("DOGEUSD")


def test_old_names_with_a_slash_are_refused_with_the_mend():
    with pytest.raises(ConfigError, match="Kraken calls it BTC/USD"):
        find_pair("XBT/USD")
    with pytest.raises(ConfigError, match="no asset known here"):
        find_asset("NOPE")


def test_names_are_unique_and_minimums_fit_the_lot():
    assert len({pair.key for pair in PAIRS}) == len({pair.symbol for pair in PAIRS}) == 12
    assert all(pair.order_min % pair.lot == 0 for pair in PAIRS)
    assert find_pair("BTC/EUR").cost_min == Decimal("0.45")


def test_volumes_are_cut_and_never_rounded_up():
    assert round_down(Decimal("0.123456789"), 8) == Decimal("0.12345678")
    assert round_down(Decimal("0.999999999"), 0) == 0


def test_the_worked_example_of_the_rate_limit_guide():
    second = 1_000_000_000
    add, amend = engine_cost("add"), engine_cost("amend", 7 * second)
    assert add + amend + engine_cost("cancel", 36 * second) == 8


def test_rest_costs():
    assert [rest_cost(name) for name in ("Balance", "Ledgers", "AddOrder")] == [1, 2, 0]
    assert rest_cost("OpenOrders", by_client_id=True) == 2
    assert TIERS["starter"].rest_max == 15
