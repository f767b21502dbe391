"""Reading what a venue sent: objects, lists, exact numbers and texts out of JSON; `BadAnswer` for what has not that shape. Pure.

Common to all venues, since it knows nothing of any. Exchanges are not trusted: a number may be NaN, a text a whole page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from bot.domain.fill import Fill
from bot.domain.money import BadNumber, decimal, plain
from bot.domain.order import Side, VenueOrder
from bot.domain.text import safe_text


class BadAnswer(ValueError):
    """An answer that does not have its venue's shape."""


def plain_words(word: object) -> str:
    """A venue's word as tables compare it: case and blanks around it and after colons are no difference."""
    return re.sub(r":\s+", ":", str(word).strip()).casefold()


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


def measure(value: object) -> float:
    """What a candle says of its market, where a float will do; NaN for what is no number, which `inspect` names."""
    try:
        return float(decimal(repr(value) if isinstance(value, float) else value))  # type: ignore[arg-type]
    except BadNumber:
        return float("nan")


def text(row: Mapping[str, Any], key: str) -> str:
    """A text (or number) of a row, fit for a log; "" when it is missing, null or something else."""
    value = row.get(key)
    is_text = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    return safe_text(value) if is_text else ""


@contextmanager
def about(what: str, name: str) -> Iterator[None]:
    """Whatever cannot be read within is said of this order or fill."""
    try:
        yield
    except BadAnswer as error:
        raise BadAnswer(f"{what} {safe_text(name)[:40]}: {error}") from error


def side(row: Mapping[str, Any], key: str = "side") -> Side:
    """Whether an order or trade buys or sells."""
    word = text(row, key)
    if word.lower() not in ("buy", "sell"):
        raise BadAnswer(f"side {word[:40]!r}")
    return Side(word.lower())


def oldest_first(found: Iterable[Fill]) -> list[Fill]:
    """Fills by time, then by id."""
    return sorted(found, key=lambda each: (each.time, each.fill_id))


def by_age(found: Iterable[VenueOrder]) -> list[VenueOrder]:
    """Orders, oldest first."""
    return sorted(found, key=lambda each: (each.created_at, each.exchange_id))


_NAME = re.compile(r"[A-Za-z0-9._]{1,40}-[A-Za-z0-9._]{1,20}(-[A-Za-z0-9._]{1,20})?")


def market_name(symbol: str) -> str:
    """A market's name, if it can be one: it stands in the log, in tables and in requests."""
    if not _NAME.fullmatch(symbol):
        raise BadAnswer(f"not the name of a market: {safe_text(symbol)[:40]!r}")
    return symbol


#: What all venues' order ids are like: Kraken's OQCLML-BW3P3-BUCMWZ, OKX's 18 or 19 digits, Coinbase's UUIDs.
_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


def order_id(value: str) -> str:
    """An order's id, if it can be one: in the book, an order is asked for under it for ever."""
    if not _ORDER_ID.fullmatch(value):
        raise BadAnswer(f"not an order's id: {value[:40]!r}")
    return value


def sound_order(order: VenueOrder) -> VenueOrder:
    """An order whose sizes and prices can be: none of them below nothing, and an id."""
    prices = (order.avg_price, order.limit_price, order.trigger_price, order.attached_stop)
    amounts = (order.qty, order.filled_qty, *(price for price in prices if price is not None))
    if min(amounts) < 0:
        raise BadAnswer(f"an amount below nothing: {plain(min(amounts))}")
    order_id(order.exchange_id)
    return order


def sound_fill(fill: Fill) -> Fill:
    """A fill that traded something for something, under ids."""
    if fill.qty <= 0 or fill.price <= 0:
        raise BadAnswer(f"{plain(fill.qty)} at {plain(fill.price)} is no trade")
    if not fill.fill_id or not fill.exchange_order_id:
        raise BadAnswer("no id")
    return fill
