"""Exact money, prices and sizes: Decimal from strings, rounded to an instrument's grid.

Contains the only conversions between text and Decimal; a float never becomes money.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

#: No real amount, price or size has more digits than this on either side of the decimal point.
MAX_EXPONENT = 18
_MOST, _LEAST = ONE.scaleb(MAX_EXPONENT), ONE.scaleb(-MAX_EXPONENT)
#: Enough digits for the largest amount and the least unit together.
_WIDE = Context(prec=2 * MAX_EXPONENT + 2)
#: Enough for sums of products of two such amounts.
_WIDEST = Context(prec=6 * MAX_EXPONENT)

#: A number as exchanges, JSON and people write it. Python itself accepts more: "1_000", digits of other scripts, surrounding
#: spaces.
_WRITTEN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class BadNumber(ValueError):
    """The text is not a finite, plausible decimal number."""


def decimal(value: str | int | Decimal) -> Decimal:
    """Parse an exact number; NaN, infinities and absurd magnitudes raise `BadNumber`.

    Numbers from exchanges are not trusted: a size of 1e400 or "NaN" must be rejected on input.
    """
    number = _finite(value)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise BadNumber(f"not a plausible number: {str(value)[:40]!r}")
    return number


def balance(value: str | int | Decimal) -> Decimal:
    """Parse an amount in a wallet, without what is beyond its 18th decimal: exchanges report dust of 1e-22, which no order can
    move. Everything else as `decimal`.
    """
    number = _finite(value)
    if number.adjusted() < -MAX_EXPONENT:
        return ZERO
    number = decimal(number)
    finer = number.as_tuple().exponent
    return number.quantize(_LEAST, ROUND_DOWN, _WIDE) if isinstance(finer, int) and finer < -MAX_EXPONENT else number


def _finite(value: str | int | Decimal) -> Decimal:
    if isinstance(value, float | bool):
        raise BadNumber(f"money must come from text, not from {value!r}")
    if isinstance(value, str) and not _WRITTEN.fullmatch(value):
        raise BadNumber(f"not a number: {value[:40]!r}")
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise BadNumber(f"not a number: {str(value)[:40]!r}") from error
    if not number.is_finite():
        raise BadNumber(f"not a plausible number: {str(value)[:40]!r}")
    return number


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


def to_places(value: Decimal, places: int) -> Decimal:
    """`value` with that many decimals. `round` allows 28 digits in all, and raises an error for ten billions with 18 decimals."""
    return value.quantize(ONE.scaleb(-places), ROUND_HALF_EVEN, _WIDEST)


def storable(value: Decimal) -> Decimal:
    """A sum or product within what `decimal` reads back: a balance times a price may be larger than any number that is read."""
    return to_places(min(max(value, -_MOST), _MOST), MAX_EXPONENT)


def plain(value: Decimal) -> str:
    """Decimal text without exponent or trailing zeros: the form of every number we print or store."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def shortened(value: Decimal, digits: int = 8) -> Decimal:
    """`value` with at most `digits` significant digits, but all those before the decimal point. For averages shown to people,
    never for the book.
    """
    return to_places(value, max(digits - 1 - value.adjusted(), 0)).normalize() if value else value


# -- for people -----------------------------------------------------------------------------------------------------
def usd(value: Decimal) -> str:
    """Dollars: `$1,234.50`; below one dollar up to four significant digits, as fees can be fractions of a cent: `$0.00153`."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    if not size.is_finite() or size >= 1 or not size:
        return f"{sign}${size:,.2f}"
    whole, _, cents = f"{size:.{3 - size.adjusted()}f}".partition(".")
    return f"{sign}${whole}.{cents.rstrip('0'):0<2}"


def as_price(value: Decimal) -> str:
    """A price for people; averages are cut to a sensible number of digits."""
    return plain(shortened(value))


def as_quantity(value: Decimal) -> str:
    """An amount of a coin, cut to eight significant digits so that it never shows more than is held."""
    if not value:
        return "0"
    return plain(value.quantize(Decimal(1).scaleb(min(value.adjusted() - 7, 0)), ROUND_DOWN, _WIDEST))
