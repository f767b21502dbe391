"""Reading what a venue sent: objects, lists, exact numbers and texts out of JSON; `BadAnswer` for what has not that shape. Pure.

Common to all venues, since it knows nothing of any. Exchanges are not trusted: a number may be NaN, a text a whole page.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.domain.money import BadNumber, decimal

_LONGEST_TEXT = 250


class BadAnswer(ValueError):
    """An answer that does not have its venue's shape."""


def safe_text(text: object) -> str:
    """Anything a venue sent, fit for one line of a log: control characters escaped, cut to 250 characters."""
    line = str(text)[:_LONGEST_TEXT]
    if not line.isprintable():
        line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)[:_LONGEST_TEXT]
    return line.strip()


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


def exact(value: Any, what: str) -> Decimal:
    """A number as it was sent."""
    try:
        return decimal(value)
    except BadNumber as error:
        raise BadAnswer(f"{what}: {error}") from error


def number(row: Mapping[str, Any], key: str, default: Decimal | None = None) -> Decimal:
    """A number of a row; without `default` it must be there and not empty."""
    value = row.get(key)
    if value is None or value == "":
        if default is None:
            raise BadAnswer(f"{key} is missing")
        return default
    return exact(value, key)


def text(row: Mapping[str, Any], key: str) -> str:
    """A text of a row, fit for a log; "" when it is missing or null."""
    value = row.get(key)
    return "" if value is None else safe_text(value)
