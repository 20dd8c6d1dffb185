"""Exact arithmetic on amounts. Pure.

Sums and products of `Decimal` are exact here: what would have to be rounded raises instead. Quotients cannot all be
exact, so they are rounded up in the fortieth decimal place (`GRAIN`), where no money is lost or made; and on rounding
to lots, what is less than `DUST` away from a whole lot counts as that lot. So it does not matter for a target in how
many parts it was reached.

Operators would round to the 28 digits of Python's default context, the minus sign included: amounts go through these
functions, ``copy_negate`` and ``copy_abs``.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

_SERIOUS = [InvalidOperation, DivisionByZero, Overflow]
_EXACT = Context(prec=400, traps=[*_SERIOUS, Inexact])
_FLOOR = Context(prec=400, rounding=ROUND_FLOOR, traps=_SERIOUS)
_CEILING = Context(prec=400, rounding=ROUND_CEILING, traps=_SERIOUS)
# Division costs time by the digit: these are enough for forty decimal places of any amount of money.
_QUOTIENT = Context(prec=120, rounding=ROUND_CEILING, traps=_SERIOUS)
_QUOTIENT_DOWN = Context(prec=120, rounding=ROUND_FLOOR, traps=_SERIOUS)

GRAIN_PLACES = 40
GRAIN = Decimal(1).scaleb(-GRAIN_PLACES)
DUST = Decimal(1).scaleb(-30)
ZERO = Decimal(0)
_SURELY_FITS = len("0.") + GRAIN_PLACES

_LOTS = tuple(Decimal(1).scaleb(-decimals) for decimals in range(GRAIN_PLACES))


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum."""
    return _EXACT.add(left, right)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact difference."""
    return _EXACT.subtract(left, right)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the product: exact up to the fortieth decimal place, and rounded up there if it has more."""
    product = _EXACT.multiply(left, right)
    # The exponent itself is dear to ask for: a text as short as this, of plain digits, has no more than forty places.
    text = str(product)
    if len(text) <= _SURELY_FITS and "E" not in text:
        return product
    exponent = product.as_tuple().exponent
    return product if isinstance(exponent, int) and exponent >= -GRAIN_PLACES else _CEILING.quantize(product, GRAIN)


def share(amount: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return ``amount * numerator / denominator``, rounded up in the fortieth decimal place; *denominator* is not 0."""
    return _CEILING.quantize(_QUOTIENT.divide(_EXACT.multiply(amount, numerator), denominator), GRAIN)


def share_down(amount: Decimal, numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return the same as `share`, rounded down: for what must not be exceeded."""
    return _FLOOR.quantize(_QUOTIENT_DOWN.divide(_EXACT.multiply(amount, numerator), denominator), GRAIN)


def floor_to_lot(volume: Decimal, lot_decimals: int) -> Decimal:
    """Return *volume* (at least 0) rounded down to lots of ``10 ** -lot_decimals``, but for `DUST`."""
    return _FLOOR.quantize(_EXACT.add(volume, DUST), _LOTS[lot_decimals])


def floor_strictly(volume: Decimal, lot_decimals: int) -> Decimal:
    """Return the largest whole number of lots that is not above *volume*: for what must not be exceeded."""
    return _FLOOR.quantize(volume, _LOTS[lot_decimals])


def lots_for(money: Decimal, price: Decimal, lot_decimals: int) -> Decimal:
    """Return the largest whole number of lots that *money* (at least 0) pays at *price* (above 0)."""
    return _EXACT.scaleb(_EXACT.divide_int(_EXACT.scaleb(money, lot_decimals), price), -lot_decimals)


def ceil_to_lot(volume: Decimal, lot_decimals: int) -> Decimal:
    """Return *volume* (at least 0) rounded up to lots of ``10 ** -lot_decimals``, but for `DUST`."""
    return _CEILING.quantize(max(_EXACT.subtract(volume, DUST), ZERO), _LOTS[lot_decimals])


def floor_to_tick(price: Decimal, price_decimals: int) -> Decimal:
    """Return the highest price the pair allows that is not above *price*."""
    return _FLOOR.quantize(price, _LOTS[price_decimals])


def ceil_to_tick(price: Decimal, price_decimals: int) -> Decimal:
    """Return the lowest price the pair allows that is not below *price*."""
    return _CEILING.quantize(price, _LOTS[price_decimals])
