"""From the fields of AddOrder to a ticket: https://docs.kraken.com/api/docs/rest-api/add-order."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND
from krakenonce.simulator.matching import Trail
from krakenonce.simulator.orders import LIMIT_TYPES, TRIGGERED_TYPES, CloseTerms, Side, Ticket
from krakenonce.simulator.refusals import Refusal, invalid_arguments
from krakenonce.simulator.rest.arguments import Arguments, plain_decimal

if TYPE_CHECKING:
    from krakenonce.kraken.pairs import Pair
    from krakenonce.simulator.exchange import Exchange

ORDER_TYPES = frozenset({"market", "settle-position"}) | LIMIT_TYPES | TRIGGERED_TYPES
FLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
STP_RULES = ("cancel-newest", "cancel-oldest", "cancel-both")
MAX_EXPIRY_S, MIN_EXPIRY_S = 31 * 86_400, 5
_RELATIVE = re.compile(r"([+\-#]?)([0-9.]{1,20})(%?)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_STRICT_TEXT = re.compile(r"[a-z0-9]{1,18}", re.ASCII)


def read_ticket(exchange: Exchange, arguments: Arguments, pair: Pair) -> Ticket:
    """Return the order that *arguments* describe.

    Raises:
        Refusal: a field is missing, malformed, or does not go with another.
    """
    ordertype = arguments.choice("ordertype", ORDER_TYPES)
    if ordertype == "settle-position":
        raise Refusal("EOrder:Unknown position")
    side: Side = "buy" if arguments.choice("type", ("buy", "sell")) == "buy" else "sell"
    flags = _flags(arguments, ordertype, side)
    reader = PriceReader(exchange, pair, side)
    tif = _time_in_force(arguments, ordertype)
    return Ticket(
        pair=pair,
        side=side,
        ordertype=ordertype,
        volume=_volume(arguments),
        limit_price=reader.limit(arguments, ordertype),
        trigger_price=reader.trigger(arguments, ordertype),
        trail=_trail(arguments, "price") if ordertype.startswith("trailing-stop") else None,
        limit_offset=_trail(arguments, "price2") if ordertype == "trailing-stop-limit" else None,
        trigger_by=_trigger_by(arguments),
        post="post" in flags,
        fee_in_base="fcib" in flags,
        in_quote="viqc" in flags,
        no_protection="nompp" in flags,
        tif=tif,
        start_ns=_start(arguments, exchange.now),
        expire_ns=_expiry(arguments, exchange.now, tif),
        userref=arguments.integer("userref", 0, -(2**31)) if "userref" in arguments else None,
        cl_ord_id=client_id(arguments, strict=exchange.settings.strict_client_ids),
        leverage=_leverage(arguments),
        reduce_only=arguments.flag("reduce_only"),
        stp=arguments.choice("stptype", STP_RULES, "cancel-newest"),
        close=_close(arguments, reader),
        display_volume=_display_volume(arguments, ordertype),
    )


class PriceReader:
    """Prices of one order; relative ones (``+5``, ``-1%``, ``#2``) are counted from the last price."""

    def __init__(self, exchange: Exchange, pair: Pair, side: Side) -> None:
        self._last = exchange.market(pair).last
        self._pair, self._side = pair, side

    def limit(self, arguments: Arguments, ordertype: str, prefix: str = "{}") -> Decimal | None:
        """Return the limit price, which stands in ``price`` or, for the triggered forms, in ``price2``."""
        if ordertype in LIMIT_TYPES:
            return self.read(arguments, prefix.format("price"))
        if ordertype in ("stop-loss-limit", "take-profit-limit"):
            return self.read(arguments, prefix.format("price2"))
        return None

    def trigger(self, arguments: Arguments, ordertype: str, prefix: str = "{}") -> Decimal | None:
        """Return the trigger price of stop-loss and take-profit orders."""
        if ordertype in TRIGGERED_TYPES and not ordertype.startswith("trailing-stop"):
            return self.read(arguments, prefix.format("price"))
        return None

    def read(self, arguments: Arguments, name: str) -> Decimal:
        """Return one price, given outright or relative to the last one."""
        match = _RELATIVE.fullmatch(arguments.required(name))
        if match is None:
            raise invalid_arguments(name)
        sign, number, percent = match.groups()
        amount = plain_decimal(number, name)
        price = amount if not (sign or percent) else self._relative(sign, amount, percent=bool(percent))
        if price <= 0:
            raise invalid_arguments(name)
        return price

    def _relative(self, sign: str, amount: Decimal, *, percent: bool) -> Decimal:
        distance = self._last * amount / 100 if percent else amount
        down = sign == "-" or (sign == "#" and self._side == "buy")
        price = self._last - distance if down else self._last + distance
        return price.quantize(self._pair.tick, rounding=ROUND_HALF_EVEN)


def client_id(arguments: Arguments, *, strict: bool) -> str | None:
    """Return the cl_ord_id: a UUID, or up to 18 characters of text."""
    if "cl_ord_id" not in arguments:
        return None
    text = arguments.text("cl_ord_id")
    loosely = text.isascii() and text.isprintable() and 0 < len(text) <= 18
    if _UUID.fullmatch(text) is None and not (_STRICT_TEXT.fullmatch(text) if strict else loosely):
        raise invalid_arguments("cl_ord_id")
    if "userref" in arguments:
        raise invalid_arguments("cl_ord_id")
    return text


def _flags(arguments: Arguments, ordertype: str, side: Side) -> frozenset[str]:
    flags = frozenset(arguments.names("oflags", 5))
    if not flags <= FLAGS or flags >= {"fcib", "fciq"}:
        raise invalid_arguments("oflags")
    if "viqc" in flags and (ordertype != "market" or side != "buy"):
        raise invalid_arguments("oflags")
    if "post" in flags and ordertype not in LIMIT_TYPES:
        raise invalid_arguments("oflags")
    return flags


def _time_in_force(arguments: Arguments, ordertype: str) -> str:
    tif = arguments.choice("timeinforce", ("GTC", "IOC", "GTD", "FOK"), "GTC")
    if tif == "FOK" and ordertype != "limit":
        raise invalid_arguments("timeinforce")
    if tif == "IOC" and "post" in arguments.names("oflags", 5):
        raise invalid_arguments("timeinforce")
    return tif


def _volume(arguments: Arguments) -> Decimal:
    volume = arguments.decimal("volume")
    if volume is None or volume <= 0:
        raise invalid_arguments("volume")
    return volume


def _trail(arguments: Arguments, name: str) -> Trail:
    match = _RELATIVE.fullmatch(arguments.required(name))
    amount = plain_decimal(match[2], name) if match is not None else Decimal(0)
    if match is None or amount <= 0 or (name == "price" and match[1] != "+"):
        raise invalid_arguments(name)
    return Trail(amount, percent=bool(match[3]))


def _trigger_by(arguments: Arguments) -> str:
    trigger = arguments.choice("trigger", ("last", "index"), "last")
    if trigger == "index":
        raise invalid_arguments("Index unavailable")
    return trigger


def _start(arguments: Arguments, now_ns: int) -> int:
    start_ns = _moment_from_now(arguments, "starttm", now_ns)
    if start_ns > now_ns + MAX_EXPIRY_S * NS_PER_SECOND:
        raise invalid_arguments("starttm")
    return start_ns if start_ns > now_ns else 0


def _expiry(arguments: Arguments, now_ns: int, tif: str) -> int:
    expire_ns = _moment_from_now(arguments, "expiretm", now_ns)
    if tif == "GTD" and not expire_ns:
        raise invalid_arguments("expiretm")
    span_s = (expire_ns - now_ns) / NS_PER_SECOND
    if expire_ns and not MIN_EXPIRY_S <= span_s <= MAX_EXPIRY_S:
        raise invalid_arguments("expiretm")
    return expire_ns


def _moment_from_now(arguments: Arguments, name: str, now_ns: int) -> int:
    """Return a moment given as 0, ``+<seconds>`` from now, or unix seconds; 0 for none."""
    text = arguments.text(name)
    if not text.startswith("+"):
        return arguments.moment(name) or 0
    return now_ns + int(plain_decimal(text[1:], name) * NS_PER_SECOND)


def _leverage(arguments: Arguments) -> int:
    text = arguments.text("leverage", "none").removesuffix(":1")
    if text in ("none", "0", "1"):
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise invalid_arguments("leverage")
    return int(text)


def _close(arguments: Arguments, reader: PriceReader) -> CloseTerms | None:
    if "close[ordertype]" not in arguments:
        return None
    ordertype = arguments.choice("close[ordertype]", LIMIT_TYPES | TRIGGERED_TYPES)
    if "cl_ord_id" in arguments or ordertype.startswith("trailing-stop"):
        raise invalid_arguments("close")
    return CloseTerms(
        ordertype=ordertype,
        limit_price=reader.limit(arguments, ordertype, "close[{}]"),
        trigger_price=reader.trigger(arguments, ordertype, "close[{}]"),
    )


def _display_volume(arguments: Arguments, ordertype: str) -> Decimal | None:
    if ordertype != "iceberg":
        return None
    shown, volume = arguments.decimal("displayvol"), _volume(arguments)
    if shown is None or not volume / 15 <= shown <= volume:
        raise invalid_arguments("displayvol")
    return shown
