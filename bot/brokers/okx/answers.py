"""Reading OKX's JSON: texts, exact numbers, times; `BadAnswer` for what does not have its shape. Pure.

OKX sends numbers as texts and "" for what is not set; unknown keys are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.brokers.okx.errors import safe_text
from bot.domain.money import ZERO, BadNumber, decimal


class BadAnswer(ValueError):
    """An answer that does not have OKX's shape."""


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value` as an object of JSON."""
    if isinstance(value, dict):
        return value
    raise BadAnswer(f"{what}: an object expected, got {safe_text(value)[:60]!r}")


def sequence(value: object, what: str) -> list[Any]:
    """`value` as an array of JSON."""
    if isinstance(value, list):
        return value
    raise BadAnswer(f"{what}: an array expected, got {safe_text(value)[:60]!r}")


def only(rows: list[Any], what: str) -> Mapping[str, Any]:
    """The one row of an answer."""
    if len(rows) != 1:
        raise BadAnswer(f"{what}: one row expected, got {len(rows)}")
    return mapping(rows[0], what)


def text(row: Mapping[str, Any], key: str) -> str:
    """A text of a row, fit for a log; "" when it is missing or null."""
    value = row.get(key)
    return "" if value is None else safe_text(value)


def number(row: Mapping[str, Any], key: str, default: Decimal | None = None) -> Decimal:
    """A number of a row; without `default` it must be there."""
    value = row.get(key)
    if value is None or value == "":
        if default is None:
            raise BadAnswer(f"{key} is missing")
        return default
    return exact(value, key)


def exact(value: Any, what: str) -> Decimal:
    """A number as it was sent."""
    try:
        return decimal(value)
    except BadNumber as error:
        raise BadAnswer(f"{what}: {error}") from error


def positive(row: Mapping[str, Any], key: str) -> Decimal:
    """A number that must be there and above zero."""
    value = number(row, key)
    if value <= 0:
        raise BadAnswer(f"{key} is {value}")
    return value


def set_price(row: Mapping[str, Any], *keys: str) -> Decimal | None:
    """The first of these prices that is set: "", 0 and negative (-1: at the market) are not."""
    found = (number(row, key, ZERO) for key in keys)
    return next((price for price in found if price > 0), None)


def millis(row: Mapping[str, Any], *keys: str) -> int:
    """The first of these times (Unix ms) that is set; 0 when none is."""
    found = (int(number(row, key, ZERO)) for key in keys)
    return next((at for at in found if at > 0), 0)
