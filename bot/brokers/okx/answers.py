"""Reads texts, exact numbers and times from OKX's JSON; `BadAnswer` if the shape is wrong. Pure.

OKX sends numbers as text and "" for unset values; unknown keys are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.common.answers import BadAnswer, mapping, number, text
from bot.domain.money import ZERO

#: Base quantity of one unit of an instrument on the wire, by OKX's instType and instId; None if it cannot be known.
Units = Callable[[str, str], Decimal | None]


def sized(rows: Iterable[object], units: Units) -> Iterable[tuple[Mapping[str, Any], Decimal]]:
    """The rows of instruments whose unit is known, each with that unit."""
    for each in rows:
        row = mapping(each, "order")
        unit = units(text(row, "instType"), text(row, "instId"))
        if unit is not None:
            yield row, unit


def only(rows: list[Any], what: str) -> Mapping[str, Any]:
    """The only row of an answer."""
    if len(rows) != 1:
        raise BadAnswer(f"{what}: one row expected, got {len(rows)}")
    return mapping(rows[0], what)


def positive(row: Mapping[str, Any], key: str) -> Decimal:
    """A number that must be present and above zero."""
    value = number(row, key)
    if value <= 0:
        raise BadAnswer(f"{key} is {value}")
    return value


def set_price(row: Mapping[str, Any], *keys: str) -> Decimal | None:
    """The first of these prices that is set. "", 0 and negative values (-1: at the market) are not."""
    found = (number(row, key, ZERO) for key in keys)
    return next((price for price in found if price > 0), None)


def millis(row: Mapping[str, Any], *keys: str) -> int:
    """The first of these times (Unix ms) that is set; 0 if none is."""
    found = (int(number(row, key, ZERO)) for key in keys)
    return next((at for at in found if at > 0), 0)
