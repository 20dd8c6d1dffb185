"""Orders that cannot be meant are refused where they are made; malformed answers are never read as something else."""

from decimal import Decimal

import pytest

from krakenonce.broker import Order
from krakenonce.broker.key_check import check_clock, check_key
from krakenonce.broker.parsing import balances, key_info, pairs
from krakenonce.errors import ConfigError, OutcomeUnknown
from krakenonce.orders.parsing import closed_orders, fills, parsed

ONE = Decimal(1)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"side": "hold"}, "side"),
        ({"volume": 0.1}, "volume"),
        ({"volume": Decimal(0)}, "volume"),
        ({"volume": Decimal("NaN")}, "volume"),
        ({"ordertype": "limit"}, "price"),
        ({"price": ONE}, "price"),
        ({"ordertype": "iceberg"}, "ordertype"),
        ({"ordertype": "stop-loss"}, "price"),
        ({"ordertype": "stop-loss-limit", "price": ONE}, "price2"),
        ({"ordertype": "limit", "price": ONE, "price2": ONE}, "price2"),
        ({"ordertype": "limit", "price": Decimal(-1)}, "price"),
        ({"cl_ord_id": ""}, "cl_ord_id"),
        ({"cl_ord_id": "UPPER"}, "cl_ord_id"),
        ({"cl_ord_id": "with-dash"}, "cl_ord_id"),
        ({"cl_ord_id": "a" * 19}, "cl_ord_id"),
        ({"valid_s": 2}, "valid_s"),
        ({"valid_s": 61}, "valid_s"),
    ],
)
def test_impossible_orders_name_the_field(members, field):
    with pytest.raises(ConfigError) as caught:
        Order(**{"pair": "XXBTZUSD", "side": "buy", "volume": ONE} | members)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "result",
    [
        {"api_key_name": "bot", "nonce_window": "15", "permissions": ["query-funds", "modify-trades"]},
        {"apiKeyName": "bot", "nonceWindow": 15, "permissions": ["query-funds", "modify-trades"]},
    ],
    ids=["snake_case", "camelCase"],
)
def test_key_info_is_read_in_both_spellings(result):
    info = key_info(result)
    assert (info.name, info.nonce_window) == ("bot", 15)
    assert info.permissions == {"query-funds", "modify-trades"}


def test_a_key_that_may_withdraw_is_refused_unless_its_account_is_named():
    info = key_info({"permissions": ["query-funds", "withdraw-funds"], "nonce_window": 0})
    with pytest.raises(ConfigError, match="withdraw"):
        check_key("USER:anna", info, ())
    with pytest.raises(ConfigError, match="allow_withdraw"):
        check_key("USER:anna", info, ("USER:bert",))
    assert check_key("USER:anna", info, ("USER:anna",)) == []


def test_a_nonce_window_and_a_wrong_clock_are_worth_a_warning():
    info = key_info({"permissions": [], "nonce_window": "5000"})
    assert "nonce window of 5000" in check_key("MASTER", info, ())[0]
    assert check_clock("MASTER", 4_000_000_000) == []
    assert "60 s behind" in check_clock("MASTER", 60_000_000_000)[0]
    assert "60 s ahead of" in check_clock("MASTER", -60_000_000_000)[0]


def test_balances_tell_what_may_be_spent():
    held = balances({"ZUSD": {"balance": "1000.0000", "hold_trade": "250.0000", "credit": "10", "credit_used": "4"}})
    assert held["ZUSD"].available == Decimal("756.0000")


def test_a_trade_keeps_every_digit_and_nanosecond():
    trade = {
        "ordertxid": "O1", "pair": "XXBTZUSD", "time": Decimal("1790000001.234567891"), "type": "buy",
        "price": "50000.10000", "cost": "500.00", "fee": "4.0", "vol": "0.01000000",
    }  # fmt: skip
    page, total = fills({"trades": {"T1": trade}, "count": 120})
    assert total == 120
    assert page[0].time_ns == 1_790_000_001_234_567_891
    assert str(page[0].volume) == "0.01000000"


def test_pair_rules_come_from_the_exchange():
    entry = {
        "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1,
        "lot_decimals": 8, "ordermin": "0.00005", "costmin": "0.5", "status": "online", "tick_size": "0.1",
    }  # fmt: skip
    rules = pairs({"XXBTZUSD": entry})["XXBTZUSD"]
    assert (rules.lot_decimals, rules.order_min, rules.cost_min) == (8, Decimal("0.00005"), Decimal("0.5"))


@pytest.mark.parametrize(
    ("parse", "result"),
    [
        (fills, {}),
        (fills, {"trades": {"T1": {"type": "buy"}}, "count": 1}),
        (fills, {"trades": [], "count": 1}),
        (closed_orders, {"closed": {"O1": {"descr": None}}}),
        (balances, {"ZUSD": {"balance": "lots"}}),
        (key_info, []),
        (key_info, {"permissions": None}),
        (pairs, {"XXBTZUSD": "online"}),
    ],
)
def test_a_malformed_result_is_no_result(parse, result):
    with pytest.raises(OutcomeUnknown, match="documented form"):
        parsed("Method", parse, result)
