"""Reads objects, lists, exact numbers and texts from a venue's JSON; `BadAnswer` if the shape is wrong. Pure.

Shared by all venues. Exchanges are not trusted: a number may be NaN, a text may be a whole page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, TypeVar

from bot.domain.fill import Fill
from bot.domain.money import BadNumber, balance, decimal, plain
from bot.domain.order import Side, VenueOrder
from bot.domain.text import safe_text

R = TypeVar("R")
T = TypeVar("T")


class BadAnswer(ValueError):
    """An answer that does not have the expected shape."""


def plain_words(word: object) -> str:
    """A venue's word normalised for table lookups: case, surrounding blanks and blanks after colons do not matter."""
    return re.sub(r":\s+", ":", str(word).strip()).casefold()


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value` as a JSON object."""
    if isinstance(value, dict):
        return value
    raise BadAnswer(f"{what}: an object expected, got {safe_text(value)[:60]!r}")


def sequence(value: object, what: str) -> list[Any]:
    """`value` as a JSON array."""
    if isinstance(value, list):
        return value
    raise BadAnswer(f"{what}: an array expected, got {safe_text(value)[:60]!r}")


def exact(value: Any, what: str) -> Decimal:
    """A number exactly as it was sent."""
    try:
        return decimal(value)
    except BadNumber as error:
        raise BadAnswer(f"{what}: {error}") from error


def number(row: Mapping[str, Any], key: str, default: Decimal | None = None) -> Decimal:
    """A number in a row. Without `default` it must be present and not empty."""
    value = row.get(key)
    if value is None or value == "":
        if default is None:
            raise BadAnswer(f"{key} is missing")
        return default
    return exact(value, key)


def holding(row: Mapping[str, Any], key: str, default: Decimal | None = None) -> Decimal:
    """A balance in a row, as `number`; but it may be too small for any order: one unreadable coin would hide all the others."""
    value = row.get(key)
    if value is None or value == "":
        return number(row, key, default)
    try:
        return balance(value)
    except BadNumber as error:
        raise BadAnswer(f"{key}: {error}") from error


#: Whether a coin's balance that cannot be read may be left out: takes the coin and the reason.
ExcusedCoin = Callable[[str, str], bool]


def no_coin_excused(asset: str, reason: str) -> bool:  # noqa: ARG001
    return False


@contextmanager
def one_coin(asset: str, excused: ExcusedCoin) -> Iterator[None]:
    """Leave out this coin's balance if it cannot be read and is `excused`; otherwise name the coin in the `BadAnswer`."""
    try:
        yield
    except BadAnswer as error:
        if not excused(asset, str(error)):
            raise BadAnswer(f"balance of {asset[:40]}: {error}") from error


def measure(value: object) -> float:
    """A candle's number as a float, which is exact enough there. NaN for anything else; `inspect` reports it."""
    try:
        return float(decimal(repr(value) if isinstance(value, float) else value))  # type: ignore[arg-type]
    except BadNumber:
        return float("nan")


def text(row: Mapping[str, Any], key: str) -> str:
    """A text (or number) in a row, safe to log; "" if it is missing, null or of another type."""
    value = row.get(key)
    is_text = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    return safe_text(value) if is_text else ""


@contextmanager
def about(what: str, name: str) -> Iterator[None]:
    """Name this order or fill in every `BadAnswer` raised inside the context."""
    try:
        yield
    except BadAnswer as error:
        raise BadAnswer(f"{what} {safe_text(name)[:40]}: {error}") from error


def readable(rows: Iterable[R], read: Callable[[R], T]) -> Iterator[T]:
    """What `read` makes of the rows that it can read. Only for lists in which a missing row harms nothing but its own market, as
    in those of prices: one odd row must not hide all other markets.
    """
    for row in rows:
        with suppress(BadAnswer):
            yield read(row)


def side(row: Mapping[str, Any], key: str = "side") -> Side:
    """The side of an order or trade."""
    word = text(row, key)
    if word.lower() not in ("buy", "sell"):
        raise BadAnswer(f"side {word[:40]!r}")
    return Side(word.lower())


def oldest_first(found: Iterable[Fill]) -> list[Fill]:
    """Fills sorted by time, then id."""
    return sorted(found, key=lambda each: (each.time, each.fill_id))


def by_age(found: Iterable[VenueOrder]) -> list[VenueOrder]:
    """Orders, oldest first."""
    return sorted(found, key=lambda each: (each.created_at, each.exchange_id))


_NAME = re.compile(r"[A-Za-z0-9._]{1,40}-[A-Za-z0-9._]{1,20}(-[A-Za-z0-9._]{1,20})?")


def market_name(symbol: str) -> str:
    """A market's name, checked because it goes into logs, tables and requests."""
    if not _NAME.fullmatch(symbol):
        raise BadAnswer(f"not the name of a market: {safe_text(symbol)[:40]!r}")
    return symbol


#: Covers all venues' order ids: Kraken's OQCLML-BW3P3-BUCMWZ, OKX's 18 or 19 digits, Coinbase's UUIDs.
_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


def order_id(value: str) -> str:
    """An order's id, checked because the book keeps it and every later query uses it."""
    if not _ORDER_ID.fullmatch(value):
        raise BadAnswer(f"not an order's id: {value[:40]!r}")
    return value


def sound_order(order: VenueOrder) -> VenueOrder:
    """An order, checked: no negative size or price, and a valid id."""
    prices = (order.avg_price, order.limit_price, order.trigger_price, order.attached_stop)
    amounts = (order.qty, order.filled_qty, *(price for price in prices if price is not None))
    if min(amounts) < 0:
        raise BadAnswer(f"a negative amount: {plain(min(amounts))}")
    order_id(order.exchange_id)
    return order


def sound_fill(fill: Fill) -> Fill:
    """A fill, checked: positive size and price, a market, and both ids."""
    if fill.qty <= 0 or fill.price <= 0:
        raise BadAnswer(f"{plain(fill.qty)} at {plain(fill.price)} is no trade")
    if not fill.symbol:
        raise BadAnswer("no market")
    if not fill.fill_id or not fill.exchange_order_id:
        raise BadAnswer("no id")
    return fill
