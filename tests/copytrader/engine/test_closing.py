"""What an answer makes of an order."""

import pytest

from krakenonce.copytrader.engine.closing import TurnedDown, acknowledged
from krakenonce.kraken.catalogue import Action
from krakenonce.kraken.replies import Meaning, Refused
from krakenonce.orders.sending import TOO_LATE


@pytest.mark.parametrize(
    ("error", "passing"),
    [("EGeneral:Invalid arguments:deadline", True), (TOO_LATE, True), ("EOrder:Insufficient funds", False)],
)
def test_an_order_that_was_only_too_late_is_not_turned_down_for_good(error, passing):
    with pytest.raises(TurnedDown) as caught:
        acknowledged(None, Refused((error,), Meaning(Action.GIVE_UP, no_effect=True)))
    assert caught.value.passing is passing
