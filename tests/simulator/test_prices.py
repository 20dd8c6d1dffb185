"""Price paths: the seeded walk and recorded trades."""

from __future__ import annotations

from decimal import Decimal

import pytest

from krakenonce.clock import ManualClock
from krakenonce.errors import ConfigError
from krakenonce.kraken.pairs import PAIRS, find_pair
from krakenonce.simulator import Exchange, Settings
from krakenonce.simulator.prices import SeededWalk, Taker, read_trades, start_price

BTC = find_pair("BTC/USD")


def test_a_walk_starts_at_its_price_and_follows_from_the_seed():
    walk, twin, other = SeededWalk(BTC, 1, 0.01), SeededWalk(BTC, 1, 0.01), SeededWalk(BTC, 2, 0.01)
    assert walk.move(0, 0).bid == start_price(BTC) == 50_000
    moments = range(0, 3_600_000, 60_000)
    prices = [walk.move(0, at).bid for at in moments]
    assert prices == [twin.move(0, at).bid for at in moments]
    assert prices != [other.move(0, at).bid for at in moments]
    assert 0.001 < (max(prices) - min(prices)) / prices[0] < 0.1


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.key)
def test_quotes_lie_on_the_tick_one_tick_apart(pair):
    walk = SeededWalk(pair, 3, 0.05)
    for at in range(-86_400_000, 86_400_000, 7_200_000):
        move = walk.move(at, at)
        assert move.ask - move.bid == pair.tick
        assert move.bid > 0
        assert move.bid % pair.tick == 0


def test_a_still_price_stays():
    walk = SeededWalk(BTC, 1, 0)
    assert {walk.move(0, at).bid for at in range(0, 10_000_000, 100_000)} == {Decimal(50_000)}


def test_recorded_trades_at_four_times_the_pace(tmp_path):
    file = tmp_path / "trades.csv"
    file.write_text("1700000010,51000.04,0.5\n1700000000.5,50500,1\n1700000020,50800,2\n")
    clock = ManualClock()
    exchange = Exchange(Settings(pace=4, accounts=1), clock, {BTC.key: read_trades(file, BTC)})
    market = exchange.market(BTC)
    assert market.move.ask == 50_500
    clock.advance(2_500_000_000)
    exchange.advance()
    assert market.last == market.move.ask == Decimal("51000.0")
    assert market.tape.latest(1)[0].volume == Decimal("0.5")
    clock.advance(5_000_000_000)
    exchange.advance()
    assert (market.last, market.tape.latest(1)[0].side) == (Decimal("50800.0"), "sell")


def test_what_is_traded_between_two_looks_is_one_taker(tmp_path):
    file = tmp_path / "trades.csv"
    file.write_text("0,100,1\n1,101,2\n2,102,3\n")
    assert read_trades(file, BTC).move(0, 2000).takers == (Taker("buy", Decimal("5.00000000")),)


@pytest.mark.parametrize(
    "text", ["", "time,price,volume\n", "1,0,1\n", "1,NaN,1\n", "1,2\n", "1,1e999,1\n", "1,5,-1\n"]
)
def test_files_that_are_no_trades(tmp_path, text: str):
    file = tmp_path / "trades.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match="prices: "):
        read_trades(file, BTC)
