"""The feed and the engine together: where a restart goes on."""

import asyncio
from decimal import Decimal

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.faults import Fault
from tests.copytrader.trading import HALF, VirtualTrading, bought_and_sold


def test_a_fill_that_was_lost_shortly_before_the_end_of_a_run_is_copied_by_the_next():
    """It is older than the newest fill in the journal: the books were away, so later ones had gone on without it."""
    trading = VirtualTrading([HALF])
    faults = trading.kraken.exchange.faults
    lost = 60  # more than a snapshot shows

    async def story():
        await trading.start()
        await trading.connected()
        await asyncio.sleep(200)
        faults.replace([Fault(kind="drop", endpoint="TradesHistory", account="MASTER")])
        faults.add(Fault(kind="ws-drop", endpoint="executions", account="MASTER", times=4 * lost))
        for _ in range(lost):
            trading.kraken.clock.advance(1000)
            trading.hand.place(volume="0.002")
        trading.hand.place(volume="0.002")  # this message shows that others are missing
        await asyncio.sleep(25)
        assert 0 < trading.feed.standing.delivered < lost
        known = trading.copier._board.known["MASTER"]
        assert trading.copier.cursor_ns("MASTER") == known.newest_ns - 60 * NS_PER_SECOND
        await trading.close()
        faults.replace([])
        await trading.start()
        await trading.settled()

    trading.run(story)
    bought, _ = bought_and_sold(trading.kraken.exchange.accounts[1])
    assert bought == (lost + 1) * Decimal("0.001")
