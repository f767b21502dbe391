"""Parses Coinbase's market answers: products, best prices, candles, trades, its clock. Pure.

A product row that cannot be read is left out and named. Any other row that cannot be read fails the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bot.brokers.coinbase.parse import millis, named
from bot.brokers.common.answers import BadAnswer, mapping, market_name, measure, number, readable, sequence, text
from bot.brokers.common.price_ranges import Extremes, Print
from bot.domain.candles import Row
from bot.domain.clock import HOUR, MINUTE, SECOND
from bot.domain.instrument import DOLLARS, Instrument, Ticker, Trading
from bot.domain.money import ZERO

#: Coinbase's names of candle lengths, by length in ms.
GRANULARITIES: Mapping[int, str] = MappingProxyType(
    {
        MINUTE: "ONE_MINUTE",
        5 * MINUTE: "FIVE_MINUTE",
        15 * MINUTE: "FIFTEEN_MINUTE",
        30 * MINUTE: "THIRTY_MINUTE",
        HOUR: "ONE_HOUR",
        2 * HOUR: "TWO_HOUR",
        6 * HOUR: "SIX_HOUR",
        24 * HOUR: "ONE_DAY",
    }
)
_CLOSED = ("trading_disabled", "is_disabled", "view_only", "auction_mode")
_PARTLY = (
    ("cancel_only", Trading.CANCEL_ONLY),
    ("post_only", Trading.POST_ONLY),
    ("limit_only", Trading.LIMIT_ONLY),
)


def trading(row: Mapping[str, Any]) -> Trading:
    """Which orders a product accepts at the moment. An unknown status counts as suspended."""
    if text(row, "status") != "online" or any(row.get(flag) is True for flag in _CLOSED):
        return Trading.SUSPENDED
    return next((state for flag, state in _PARTLY if row.get(flag) is True), Trading.ONLINE)


def instruments(rows: Iterable[object]) -> tuple[dict[str, Instrument], list[str]]:
    """Spot markets quoted in dollars by symbol, and the faults of the rows that had to be left out."""
    found: dict[str, Instrument] = {}
    faults: list[str] = []
    for value in rows:
        row = mapping(value, "product")
        if text(row, "quote_currency_id") not in DOLLARS or text(row, "product_type") != "SPOT":
            continue
        try:
            one = instrument(row)
            found[one.symbol] = one
        except BadAnswer as error:
            faults.append(f"{text(row, 'product_id')[:40]}: {error}")
    return found, faults


def instrument(row: Mapping[str, Any]) -> Instrument:
    """One product. `-USDC` products that are aliases share the order book of `-USD`, but are paid from the USDC wallet."""
    symbol, lot = market_name(named(row, "product_id")), number(row, "base_increment")
    base, quote = named(row, "base_currency_id"), named(row, "quote_currency_id")
    tick = number(row, "price_increment", ZERO) or number(row, "quote_increment")
    if tick <= 0 or lot <= 0:
        raise BadAnswer("an increment is not positive")
    if symbol != f"{base}-{quote}":
        raise BadAnswer("its name is not BASE-QUOTE")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        min_qty=max(number(row, "base_min_size"), lot),
        min_cost=number(row, "quote_min_size", ZERO),
        max_qty=number(row, "base_max_size", ZERO) or None,
        trading=trading(row),
        listed_at=millis(row, "new_at") or None,
        exotic=row.get("is_alpha_testing") is True or text(row, "product_venue") not in ("CBE", ""),
    )


@dataclass(frozen=True, slots=True)
class Day:
    """A product's last price and 24 h turnover, in the quote."""

    last: Decimal
    turnover: Decimal


def days(rows: Iterable[object]) -> dict[str, Day]:
    """By product id; one that cannot be read is left out."""
    return dict(
        readable((mapping(value, "product") for value in rows), lambda row: (text(row, "product_id"), _day(row)))
    )


def _day(row: Mapping[str, Any]) -> Day:
    last = number(row, "price", ZERO)
    turnover = number(row, "approximate_quote_24h_volume", ZERO) or number(row, "volume_24h", ZERO) * last
    return Day(last, turnover)


def best(answer: Mapping[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """Best bid and ask by product id. A product with an empty side, or one that cannot be read, is left out."""
    read = readable(sequence(answer.get("pricebooks"), "pricebooks"), _best)
    return {name: (bid, ask) for name, bid, ask in read if bid > 0 and ask > 0}


def _best(value: object) -> tuple[str, Decimal, Decimal]:
    row = mapping(value, "pricebook")
    return named(row, "product_id"), _top(row, "bids"), _top(row, "asks")


def _top(row: Mapping[str, Any], key: str) -> Decimal:
    levels = sequence(row.get(key) or [], key)
    return number(mapping(levels[0], key), "price") if levels else ZERO


def ticker(prices: tuple[Decimal, Decimal], of_day: Day) -> Ticker:
    """Best prices and turnover. The day's last price may be seconds old, so it is limited to the range from bid to ask; without
    a last trade it is the middle."""
    bid, ask = prices
    last = min(max(of_day.last, bid), ask) if of_day.last > 0 else (bid + ask) / 2
    return Ticker(bid, ask, last, of_day.turnover)


def candles(answer: Mapping[str, Any], start: int, end: int) -> list[Row]:
    """The candles that opened in `start` .. `end` (ms, both included), oldest first; Coinbase sends the newest first.

    Prices that are not numbers become NaN, which `inspect` reports; a malformed row raises.
    """
    rows = [_candle(value) for value in reversed(sequence(answer.get("candles"), "candles"))]
    return [row for row in rows if start <= row[0] <= end]


def _candle(value: object) -> Row:
    row = mapping(value, "candle")
    opening, high, low, close, volume = (measure(row.get(key)) for key in ("open", "high", "low", "close", "volume"))
    return (_seconds(row, "start") * SECOND, opening, high, low, close, volume)


def _seconds(row: Mapping[str, Any], key: str) -> int:
    seconds = number(row, key)
    if not 0 <= seconds < 10**11:
        raise BadAnswer(f"{key} is {seconds}")
    return int(seconds)


def prints(answer: Mapping[str, Any]) -> list[Print]:
    """The newest trades, oldest first."""
    rows = [mapping(value, "trade") for value in sequence(answer.get("trades"), "trades")]
    found = [Print(number(row, "price"), millis(row, "time")) for row in rows]
    if any(one.price <= 0 or not one.at for one in found):
        raise BadAnswer("trade: no price or no time")
    return sorted(found, key=lambda one: one.at)


def extremes(answer: Mapping[str, Any], start: int) -> Extremes | None:
    """The extremes of the candles that opened at or after `start` (ms), the open one included; None without any."""
    rows = [mapping(value, "candle") for value in sequence(answer.get("candles"), "candles")]
    wanted = [row for row in rows if _seconds(row, "start") * SECOND >= start]
    if not wanted:
        return None
    high, low = max(number(row, "high") for row in wanted), min(number(row, "low") for row in wanted)
    if not 0 < low <= high:
        raise BadAnswer("candle: high is below low, or low is not positive")
    return Extremes(high, low)


def server_ms(answer: Mapping[str, Any]) -> int:
    """Coinbase's clock in ms."""
    return int(number(answer, "epochMillis"))
