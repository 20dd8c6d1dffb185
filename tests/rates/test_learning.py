"""What is remembered of an account's orders: those that can still be changed, and no others."""

import pytest

from krakenonce.rates.learning import learn_orders
from krakenonce.rates.orders import KnownOrders

LIMIT = {"pair": "XBTUSD", "ordertype": "limit", "cl_ord_id": "one"}


def learnt(params):
    orders = KnownOrders()
    learn_orders(orders, "AddOrder", params, {"txid": ["O1"]}, 1)
    return orders


def test_an_order_that_rests_is_remembered_by_both_its_names():
    orders = learnt(LIMIT)
    assert {name: orders.get(name).pair for name in ("O1", "one")} == {"O1": "XXBTZUSD", "one": "XXBTZUSD"}


@pytest.mark.parametrize("over", [{"ordertype": "market"}, {"timeinforce": "IOC"}, {"timeinforce": "ioc"}])
def test_an_order_that_never_rests_takes_no_memory(over):
    assert len(learnt(LIMIT | over)) == 0
