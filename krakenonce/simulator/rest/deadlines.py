"""The deadline of an order request: after it, the engine must not take the order any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND, parse_rfc3339
from krakenonce.simulator.refusals import Refusal, invalid_arguments

if TYPE_CHECKING:
    from krakenonce.simulator.rest.account import Caller
    from krakenonce.simulator.rest.arguments import Arguments

EARLIEST_S, LATEST_S = 2, 60


def check_deadline(caller: Caller, arguments: Arguments, earliest_s: float = EARLIEST_S) -> None:
    """Refuse a deadline outside *earliest_s* to 60 seconds after the request's arrival, or one that has passed.

    https://docs.kraken.com/api/docs/rest-api/add-order
    """
    if "deadline" not in arguments:
        return
    try:
        deadline_ns = parse_rfc3339(arguments.text("deadline"))
    except (ValueError, OverflowError):
        raise invalid_arguments("deadline") from None
    if deadline_ns < caller.exchange.shown_ns:
        raise Refusal("EService:Deadline elapsed")
    span_s = (deadline_ns - caller.arrived_ns) / NS_PER_SECOND
    if not earliest_s <= span_s <= LATEST_S:
        raise invalid_arguments("deadline")
