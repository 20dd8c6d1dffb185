"""What the statistics say of every account's books, from which the verdicts of demonstration and proofs are taken."""

from decimal import Decimal

from tests.orders.traders import market, resting, trader


async def test_orders_fills_and_traded_volumes_of_every_account(kraken_sim):
    async with trader(kraken_sim, 1) as broker:
        await broker.place(market("one", volume="0.01"))
        await broker.place(market("two", volume="0.02"))
        await broker.place(resting("three"))
    books = kraken_sim.stats()["accounts"]
    assert set(books) == {account.name for account in kraken_sim.accounts}
    mine = books["USER:1"]
    assert mine["orders"] == 3
    assert mine["fills"] == len(kraken_sim.accounts[1].trades) >= 2
    traded = mine["traded"]["XXBTZUSD"]
    assert (Decimal(traded["buy"]), Decimal(traded["sell"])) == (Decimal("0.03"), 0)
    assert books["USER:2"] == {"orders": 0, "fills": 0, "traded": {}}
