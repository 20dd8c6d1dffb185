"""What the exchange looks at before it takes an order. Each check is a function that raises the refusal."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from krakenonce.simulator.orders import LIMIT_TYPES, TRIGGERED_TYPES, Ticket
from krakenonce.simulator.refusals import Refusal, invalid_arguments

if TYPE_CHECKING:
    from krakenonce.kraken.limits import Tier
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.accounts import Account
    from krakenonce.simulator.orders import Order
    from krakenonce.simulator.settings import Settings


def check_market_open(state: str, ticket: Ticket | None) -> None:
    """Refuse what the market's state does not allow; *ticket* is None for a cancellation."""
    if state == "maintenance":
        raise Refusal("EService:Unavailable")
    if ticket is None or state == "online":
        return
    passes = {"post_only": ticket.post, "limit_only": ticket.ordertype in LIMIT_TYPES}
    if not passes.get(state, False):
        raise Refusal(f"EService:Market in {state} mode")


def check_volume(ticket: Ticket, settings: Settings, price: Decimal) -> None:
    """Refuse volumes that are no multiple of the lot, below ordermin, or worth less than costmin at *price*."""
    pair = ticket.pair
    if ticket.in_quote:
        base, cost = ticket.volume / price, ticket.volume
    else:
        base, cost = ticket.volume, ticket.volume * price
        check_decimals("volume", base, pair.lot_decimals)
    check_minimums(pair, settings, base, cost)


def check_minimums(pair: Pair, settings: Settings, base: Decimal, cost: Decimal) -> None:
    """Refuse orders below ordermin (in base units) or costmin (in quote units)."""
    if base < pair.order_min:
        if settings.order_minimum_error == "documented":
            raise Refusal("EOrder:Order minimum not met")
        raise invalid_arguments("volume minimum not met")
    if cost < (pair.cost_min if settings.cost_minimum is None else settings.cost_minimum):
        raise Refusal("EOrder:Cost minimum not met")


def check_decimals(field: str, value: Decimal, decimals: int) -> None:
    """Refuse a value with more than *decimals* digits after the point, not counting zeros at the end."""
    if value != value.quantize(Decimal(1).scaleb(-decimals)):
        raise invalid_arguments(field)


def check_price(pair: Pair, price: Decimal | None) -> None:
    """Refuse a price with too many decimals, or off the tick."""
    if price is None:
        return
    rounded = price.quantize(Decimal(1).scaleb(-pair.price_decimals))
    if price != rounded:
        text = f"{pair.wsname} price can only be specified up to {pair.price_decimals} decimals."
        raise Refusal(f"EOrder:Invalid price:{text}")
    if price % pair.tick:
        raise Refusal("EOrder:Tick size check failed")


def check_client_id(account: Account, cl_ord_id: str | None) -> None:
    """Refuse a cl_ord_id that one of the account's open orders carries."""
    if cl_ord_id is not None and account.open_by_client_id(cl_ord_id) is not None:
        raise invalid_arguments("cl_ord_id not unique")


def check_open_orders(account: Account, pair: Pair, tier: Tier | None, replaced: Order | None) -> None:
    """Refuse an order beyond the tier's number of open orders on one pair, not counting the one it replaces."""
    if tier is None:
        return
    others = (order for order in account.open_orders.values() if order.pair is pair and order is not replaced)
    if sum(1 for _ in others) >= tier.open_orders:
        raise Refusal("EOrder:Orders limit exceeded")


def check_prices(ticket: Ticket) -> None:
    """Refuse prices that are missing, zero, or too fine."""
    needs_limit = ticket.ordertype in LIMIT_TYPES or ticket.ordertype in ("stop-loss-limit", "take-profit-limit")
    if needs_limit and ticket.limit_price is None:
        raise invalid_arguments("price" if ticket.ordertype in LIMIT_TYPES else "price2")
    needs_trigger = ticket.ordertype in TRIGGERED_TYPES and ticket.trail is None
    if needs_trigger and ticket.trigger_price is None:
        raise invalid_arguments("price")
    for price in (ticket.limit_price, ticket.trigger_price):
        check_price(ticket.pair, price)


def check_margin(ticket: Ticket, settings: Settings) -> None:
    """Refuse leverage where there is none on offer, and reduce_only without leverage."""
    if ticket.leverage and not settings.margin:  # "Margin allowance exceeded" is what an account without margin gets
        raise Refusal("EOrder:Margin allowance exceeded")
    if ticket.leverage and ticket.leverage not in ticket.pair.leverage:
        raise invalid_arguments("leverage")
    if ticket.reduce_only and not ticket.leverage:
        raise Refusal("EOrder:Reduce only:Non-PC")
