"""Orders that are held back by the limits: written nowhere, refused with a reason, and placed once they may go."""

from decimal import Decimal

import pytest

from krakenonce.broker import KrakenBroker, Order, Patience, Placement
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry
from krakenonce.rates import Limits, NotSent, Reason


@pytest.mark.kraken_sim(market="cancel_only", tier="starter")
async def test_a36_an_order_held_back_can_be_placed_later_under_the_same_name(kraken_sim):
    account = kraken_sim.accounts[0]
    broker = KrakenBroker(
        "MASTER",
        Credentials(account.key, account.secret),
        manager=GlobalKrakenNonceManager("memory://", registry=LaneRegistry()),
        base_url=kraken_sim.url,
        limits=Limits("starter"),
        patience=Patience(attempts=1),
    )
    order = Order("XXBTZUSD", "buy", Decimal("0.001"), cl_ord_id="copy1", valid_s=30)
    async with broker:
        refused = await broker.place(order)
        assert refused.error == "EService:Market in cancel_only mode"
        held_back = await broker.place(order)
        assert isinstance(held_back, NotSent)
        assert held_back.reason is Reason.MARKET
        kraken_sim.exchange.market_state = "online"
        await broker._client.public("SystemStatus")
        placed = await broker.place(order)
        assert isinstance(placed, Placement)
        assert (await broker.place(order)).txid == placed.txid
    assert len(kraken_sim.exchange.account("MASTER").orders) == 1
    assert kraken_sim.stats()["keys"]["MASTER"]["causes"] == {"EService:Market in cancel_only mode": 1}
