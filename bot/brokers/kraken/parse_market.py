"""Parses Kraken's public answers: instruments, tickers, candles, trades, the server's time. Pure.

A market whose row cannot be read is left out, because it cannot be traded safely. A price that cannot be read raises
`BadAnswer`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.brokers.common.answers import BadAnswer, exact, market_name, measure, number, readable, sequence, text
from bot.brokers.common.price_ranges import Extremes, Print
from bot.brokers.kraken.names import Names
from bot.brokers.kraken.parse import mapping
from bot.domain.candles import Candle, Candles
from bot.domain.instrument import DOLLARS, Instrument, Ticker, Trading
from bot.domain.money import ONE, ZERO

#: The candle lengths that Kraken offers, in minutes (docs.kraken.com, Get OHLC Data).
INTERVALS = frozenset({1, 5, 15, 30, 60, 240, 1440, 10080, 21600})
#: The most trades of one answer.
TRADES_PAGE = 1000
_NS_A_MS, _NS_A_SECOND = 1_000_000, 1_000_000_000
_TRADING = {
    "online": Trading.ONLINE,
    "post_only": Trading.POST_ONLY,
    "limit_only": Trading.LIMIT_ONLY,
    "cancel_only": Trading.CANCEL_ONLY,
    "reduce_only": Trading.REDUCE_ONLY,
}
_LEVERAGED = re.compile(r".+[2-5][LS]$")


def trading(word: str) -> Trading:
    """Our status of a pair or of the whole system. An unknown status counts as suspended."""
    return _TRADING.get(word, Trading.SUSPENDED)


Rows = Mapping[str, Mapping[str, Any]]


def instruments(pairs: Rows, names: Names, assets: Rows) -> tuple[dict[str, Instrument], list[str]]:
    """Markets quoted in dollars by symbol, and the faults of the rows that had to be left out."""
    found: dict[str, Instrument] = {}
    faults: list[str] = []
    for pair_id, row in pairs.items():
        symbol = names.symbol(pair_id)
        if symbol.rsplit("-", 1)[-1] not in DOLLARS or names.pair(symbol) != pair_id:
            continue
        try:
            found[symbol] = instrument(symbol, row, assets.get(text(row, "base"), {}))
        except BadAnswer as error:
            faults.append(f"{symbol}: {error}")
    return found, faults


def instrument(symbol: str, row: Mapping[str, Any], coin: Mapping[str, Any]) -> Instrument:
    """One row of AssetPairs, with the row of its `coin` in Assets.

    A wallet keeps its coin's `decimals` (docs.kraken.com, Get Asset Info), which may be fewer than a pair's `lot_decimals`. An order
    for more digits buys a little that never arrives, and then neither a stop nor a sale of all of it is accepted.
    """
    base, quote = market_name(symbol).rsplit("-", 1)
    places = _scale(row, "lot_decimals")
    lot = ONE.scaleb(-min(places, _scale(coin, "decimals") if "decimals" in coin else places))
    tick = number(row, "tick_size", ONE.scaleb(-_scale(row, "pair_decimals")))
    smallest = max(number(row, "ordermin"), lot)
    if tick <= 0:
        raise BadAnswer("tick_size is not positive")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        min_qty=smallest,
        min_cost=number(row, "costmin", ZERO),
        trading=trading(text(row, "status")),
        exotic=text(row, "aclass_base") != "currency" or bool(_LEVERAGED.fullmatch(base)),
    )


def _scale(row: Mapping[str, Any], key: str) -> int:
    places = number(row, key)
    if places != places.to_integral_value() or not 0 <= places <= 18:
        raise BadAnswer(f"{key} is {places}")
    return int(places)


def tickers(rows: object, names: Names) -> dict[str, Ticker]:
    """Ticker: best prices, and as turnover the 24 h volume times its average price. Markets without a readable price are missing."""
    read = readable(mapping(rows, "tickers").items(), lambda row: (names.symbol(row[0]), _ticker(*row)))
    return {symbol: one for symbol, one in read if min(one.bid, one.ask, one.last) > 0}


def _ticker(pair: str, value: object) -> Ticker:
    row = mapping(value, pair)
    bid, ask, last = first(row, "b", pair), first(row, "a", pair), first(row, "c", pair)
    return Ticker(bid, ask, last, exact(_item(row, "v", 1, pair), pair) * exact(_item(row, "p", 1, pair), pair))


def first(row: Mapping[str, Any], key: str, pair: str) -> Decimal:
    """The first number of one of a ticker's arrays."""
    return exact(_item(row, key, 0, pair), pair)


def _item(row: Mapping[str, Any], key: str, place: int, pair: str) -> Any:
    items = sequence(row.get(key), f"{pair} {key}")
    if len(items) <= place:
        raise BadAnswer(f"{pair} {key}: too short")
    return items[place]


def rows_of(result: object, what: str) -> tuple[list[Any], Any]:
    """OHLC and Trades: the rows of the one pair in the query (under Kraken's name for it), and `last`."""
    answer = mapping(result, what)
    names = [name for name in answer if name != "last"]
    if len(names) != 1 or "last" not in answer:
        raise BadAnswer(f"{what}: one pair and 'last' expected, got {len(names)}")
    return sequence(answer[names[0]], what), answer["last"]


def candles(result: object, timeframe_ms: int, count: int) -> Candles:
    """OHLC: the closed candles only. `last` is the start of the last closed one; the row after it is still open.

    Rows are [time, open, high, low, close, vwap, volume, count]. Prices that are not numbers become NaN, which `inspect`
    reports; a malformed row raises.
    """
    rows, last = rows_of(result, "OHLC")
    end = _seconds(last)
    closed = [candle for candle in map(_candle, rows) if candle[0] <= end * 1000]
    return Candles.of(timeframe_ms, closed[-count:])


def all_candles(result: object, timeframe_ms: int) -> Candles:
    """OHLC: every row, with the candle that is still open."""
    return Candles.of(timeframe_ms, map(_candle, rows_of(result, "OHLC")[0]))


def _candle(row: object) -> Candle:
    items = sequence(row, "candle")
    if len(items) < 7:
        raise BadAnswer("candle: too short")
    opening, high, low, close, volume = (measure(items[place]) for place in (1, 2, 3, 4, 6))
    return Candle(_seconds(items[0]) * 1000, opening, high, low, close, volume)


def _seconds(value: Any) -> int:
    """A time in whole seconds, sent as a number or as text."""
    seconds = exact(value, "time")
    if not 0 <= seconds < 10**11:
        raise BadAnswer(f"time {seconds}")
    return int(seconds)


def prints(result: object, cursor: int) -> tuple[list[Print], int]:
    """Trades: rows [price, volume, time, side, kind, misc, id], oldest first, and the cursor of the next page."""
    rows, last = rows_of(result, "Trades")
    found = [sequence(row, "trade") for row in rows]
    page = [_print(row) for row in found]
    if not found:
        return [], cursor
    newest = int(exact(found[-1][2], "time") * _NS_A_SECOND)
    return page, next_cursor(int(plausible_ns(last)), newest, cursor)


def next_cursor(last: int, newest: int, cursor: int) -> int:
    """The cursor (ns, exclusive) after a page of trades whose newest is of `newest` (ns), which was asked for with `cursor`.

    That is Kraken's `last`, less one: trades of the same nanosecond may be split between two pages. `last` has been seen cut
    short; then the newest trade's own time counts, less a millisecond, to which it may be rounded.
    """
    return max(last - 1 if abs(last - newest) <= _NS_A_MS else newest - _NS_A_MS, cursor)


def _print(row: Sequence[Any]) -> Print:
    if len(row) < 3:
        raise BadAnswer("trade: too short")
    price = exact(row[0], "price")
    if price <= 0:
        raise BadAnswer("trade: price not positive")
    return Print(price, int(exact(row[2], "time") * 1000))


def plausible_ns(value: Any) -> Decimal:
    """`last` of Trades in nanoseconds. (Its 19 digits are more than `money.decimal` accepts.)"""
    if str(value).isascii() and str(value).isdigit() and len(str(value)) <= 20:
        return Decimal(str(value))
    raise BadAnswer(f"last {str(value)[:40]!r}")


def extremes(result: object, start: int) -> Extremes | None:
    """OHLC: the extremes of the candles that began at or after `start` (ms), the open one included; None without any."""
    rows = [sequence(row, "candle") for row in rows_of(result, "OHLC")[0]]
    if any(len(row) < 5 for row in rows):
        raise BadAnswer("candle: too short")
    wanted = [row for row in rows if _seconds(row[0]) * 1000 >= start]
    if not wanted:
        return None
    high, low = max(exact(row[2], "high") for row in wanted), min(exact(row[3], "low") for row in wanted)
    last = exact(wanted[-1][4], "close")
    if not 0 < low <= last <= high:
        raise BadAnswer("candle: the close is not between low and high")
    return Extremes(high, low, last, _seconds(wanted[-1][0]) * 1000)


def server_ms(result: object) -> int:
    """Time: Kraken's clock in ms. It counts whole seconds, so half a second is added as the best estimate."""
    return int(number(mapping(result, "time"), "unixtime") * 1000) + 500
