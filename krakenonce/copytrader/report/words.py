"""Figures as people read them: money, durations, prices. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from krakenonce.clock import NS_PER_MS, rfc3339

NOTHING = "–"
MINUS = "−"
_BASIS_POINTS = 10_000


def money(value: Decimal) -> str:
    """Return *value* with two decimals and thousands apart."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN) + 0:,}".replace("-", MINUS)


def gain(value: Decimal) -> str:
    """Return *value* as money with its sign."""
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_EVEN) + 0
    return ("+" if rounded > 0 else "") + money(rounded)


def number(value: Decimal | None) -> str:
    """Return *value* in full, without an exponent and without zeros at its end."""
    if value is None:
        return NOTHING
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(ns: int | None) -> str:
    """Return a duration in milliseconds, with the digits that mean something."""
    if ns is None:
        return NOTHING
    value = ns / NS_PER_MS
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def basis_points(fraction: Decimal | None) -> str:
    """Return *fraction* in hundredths of a per cent."""
    if fraction is None:
        return NOTHING
    rounded = (fraction * _BASIS_POINTS).quantize(Decimal("0.1"), ROUND_HALF_EVEN) + 0
    return f"{'+' if rounded > 0 else ''}{rounded}".replace("-", MINUS)


def moment(ns: int) -> str:
    """Return a moment as date and time (UTC) with milliseconds; a dash for 0."""
    return f"{rfc3339(ns)[:10]} {rfc3339(ns)[11:23]}" if ns else NOTHING


def day_and_minute(ns: int) -> str:
    """Return a moment as date and time of day (UTC)."""
    return f"{rfc3339(ns)[:10]} {rfc3339(ns)[11:16]}" if ns else NOTHING


def bare(user: str) -> str:
    """Return a user's name without ``USER:``."""
    return user.removeprefix("USER:")
