"""Parses OKX's public answers: instruments, tickers, candles, trades, the server's time. Pure.

A market whose row cannot be read is left out, because it cannot be traded safely. A price that cannot be read raises
`BadAnswer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bot.brokers.common.answers import BadAnswer, exact, mapping, market_name, measure, number, sequence, text
from bot.brokers.common.price_ranges import Extremes, Print
from bot.brokers.okx.answers import millis, positive
from bot.domain.candles import Candle
from bot.domain.clock import DAY, HOUR, MINUTE, SECOND
from bot.domain.instrument import DOLLARS, Instrument, Kind, Ticker, Trading
from bot.domain.money import ONE, ZERO

#: The candle lengths that OKX offers. From six hours on, only those marked `utc` are aligned with UTC days.
BARS: Mapping[int, str] = MappingProxyType(
    {
        SECOND: "1s",
        MINUTE: "1m",
        3 * MINUTE: "3m",
        5 * MINUTE: "5m",
        15 * MINUTE: "15m",
        30 * MINUTE: "30m",
        HOUR: "1H",
        2 * HOUR: "2H",
        4 * HOUR: "4H",
        6 * HOUR: "6Hutc",
        12 * HOUR: "12Hutc",
        DAY: "1Dutc",
    }
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {"SPOT": Kind.SPOT, "MARGIN": Kind.SPOT, "SWAP": Kind.SWAP, "FUTURES": Kind.FUTURE}
)
#: States of a market. In any other state we make no entry there, but still manage open positions.
_TRADING = {
    "live": Trading.ONLINE,
    "post_only": Trading.POST_ONLY,
    **dict.fromkeys(("suspend", "preopen", "test", "rebase", "settling", "expired"), Trading.SUSPENDED),
}
#: `ruleType` of normal markets (pre-market and rebase contracts have no spot market behind them), `instCategory` of coins.
_USUAL_RULES, _CRYPTO = frozenset({"", "normal"}), frozenset({"", "1"})
#: The other categories that OKX has: stocks, commodities, currencies, bonds.
_NON_CRYPTO = frozenset({"3", "4", "5", "6"})
#: The share of OKX's limits in dollars that is used.
_APPROACHED = Decimal("0.95")
#: A contract that expires sooner than this is not traded, because our strategies do not know expiries.
_TOO_SHORT = 7 * DAY


def type_of(symbol: str) -> str:
    """OKX's instType for one of our symbols: `BTC-USDT`, `BTC-USDT-SWAP`, `BTC-USDT-261225`."""
    tail = symbol.split("-")[2:]
    return "SPOT" if not tail else "SWAP" if tail == ["SWAP"] else "FUTURES"


@dataclass(frozen=True, slots=True)
class Listing:
    """One market and its fee `group`."""

    instrument: Instrument
    group: str


def listings(rows: Iterable[object], now: int, *, non_crypto: bool = False) -> tuple[dict[str, Listing], list[str]]:
    """Markets quoted (or settled) in dollars by symbol, and the faults of the rows that had to be left out.

    Markets that the settings exclude (stocks and the like without `non_crypto`) are listed too, as `exotic`: they may be held.
    """
    found: dict[str, Listing] = {}
    faults: list[str] = []
    for each in rows:
        row = mapping(each, "instrument")
        try:
            listing = _listing(row, now, _NON_CRYPTO if non_crypto else frozenset())
        except BadAnswer as error:
            faults.append(f"{text(row, 'instId')}: {error}")
        else:
            if listing is not None:
                found[listing.instrument.symbol] = listing
    return found, faults


def _listing(row: Mapping[str, Any], now: int, more: frozenset[str]) -> Listing | None:
    kind = KINDS.get(text(row, "instType"))
    symbol = text(row, "instId")
    if kind is None or symbol.count("-") < 1:
        return None
    base, quote = symbol.split("-")[:2]
    if quote not in DOLLARS or (kind is not Kind.SPOT and not _is_linear(row, quote)):
        return None
    unit = ONE if kind is Kind.SPOT else positive(row, "ctVal") * number(row, "ctMult", ONE)
    instrument = _instrument(row, kind, base, quote, unit, now)
    wanted = text(row, "ruleType") in _USUAL_RULES and text(row, "instCategory") in _CRYPTO | more
    if kind is Kind.SPOT:
        instrument = _priced(instrument, row)
    return Listing(instrument if wanted else replace(instrument, exotic=True), text(row, "groupId"))


def _priced(instrument: Instrument, row: Mapping[str, Any]) -> Instrument:
    """The instrument with the currencies that a pair can be paid in (`tradeQuoteCcyList`; empty: only its quote), and with the
    largest market order and stop, which OKX limits in dollars.
    """
    limits = [most for name in ("maxMktAmt", "maxMktSz", "maxStopSz") if (most := number(row, name, ZERO)) > 0]
    named = [str(one) for one in sequence(row.get("tradeQuoteCcyList") or [], "tradeQuoteCcyList")]
    dollars = tuple(one for one in named if one in DOLLARS)
    return replace(
        instrument,
        paid_in=dollars,
        exotic=instrument.exotic or (bool(named) and not dollars),
        max_cost=min(limits) * _APPROACHED if limits else None,
    )


def _is_linear(row: Mapping[str, Any], quote: str) -> bool:
    return text(row, "ctType") == "linear" and text(row, "settleCcy") == quote


def _instrument(row: Mapping[str, Any], kind: Kind, base: str, quote: str, unit: Decimal, now: int) -> Instrument:
    lot = positive(row, "lotSz") * unit
    expires = millis(row, "expTime")
    return Instrument(
        symbol=market_name(text(row, "instId")),
        base=base,
        quote=quote,
        tick=positive(row, "tickSz"),
        lot=lot,
        min_qty=max(number(row, "minSz") * unit, lot),
        kind=kind,
        trading=_trading(row, now),
        unit=unit,
        max_leverage=number(row, "lever", ONE) if kind is not Kind.SPOT else ONE,
        max_qty=_most(row, kind, unit),
        listed_at=millis(row, "listTime") or None,
        exotic=kind is Kind.FUTURE and expires - now < _TOO_SHORT,
    )


def _trading(row: Mapping[str, Any], now: int) -> Trading:
    """The market's state. Until its opening auction ends (`contTdSwTime`), a new market accepts limit orders only."""
    state = _TRADING.get(text(row, "state"), Trading.REDUCE_ONLY)
    auction = state is Trading.ONLINE and now < millis(row, "contTdSwTime")
    return Trading.LIMIT_ONLY if auction else state


def _most(row: Mapping[str, Any], kind: Kind, unit: Decimal) -> Decimal | None:
    """The largest size allowed for an order, its stop and its sale. On spot, OKX's limits of the latter two are in dollars."""
    names = ("maxLmtSz",) if kind is Kind.SPOT else ("maxLmtSz", "maxMktSz", "maxStopSz")
    limits = [size for size in (number(row, name, ZERO) for name in names) if size > 0]
    return min(limits) * unit if limits else None


def unit_of(row: Mapping[str, Any]) -> Decimal:
    """Base quantity of one contract. Raises for an inverse contract, which is denominated in dollars."""
    if text(row, "ctType") != "linear":
        raise BadAnswer("not a linear contract")
    return positive(row, "ctVal") * number(row, "ctMult", ONE)


def ticker(row: Mapping[str, Any]) -> Ticker | None:
    """One ticker row; None if a side of the book is empty. `volCcy24h` is in the quote on spot, in the base on contracts."""
    if not all(text(row, key) for key in ("bidPx", "askPx", "last")):
        return None
    bid, ask, last = positive(row, "bidPx"), positive(row, "askPx"), positive(row, "last")
    volume = number(row, "volCcy24h", ZERO)
    return Ticker(bid, ask, last, volume if type_of(text(row, "instId")) == "SPOT" else volume * last)


def candle(row: object, unit: Decimal) -> tuple[Candle, bool]:
    """[ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm]: the candle, and whether it is closed.

    Prices that are not numbers become NaN, which `inspect` reports; a malformed row raises.
    """
    items = sequence(row, "candle")
    if len(items) < 6:
        raise BadAnswer("candle: too short")
    opening, high, low, close, volume = (measure(each) for each in items[1:6])
    at = int(exact(items[0], "time"))
    if not 0 <= at < 10**14:
        raise BadAnswer(f"time {at}")
    return Candle(at, opening, high, low, close, volume * float(unit)), str(items[-1]) == "1"


def prints(rows: Iterable[object], since: int = 0) -> list[Print]:
    """market/trades: the trades after `since` (market ms), in the order of the rows."""
    return [
        Print(positive(row, "px"), at)
        for row in (mapping(each, "trade") for each in rows)
        if (at := millis(row, "ts")) > since
    ]


def server_ms(rows: list[Any]) -> int:
    """public/time: OKX's clock in ms."""
    if len(rows) != 1:
        raise BadAnswer("time: one row expected")
    return int(number(mapping(rows[0], "time"), "ts"))


def extremes(rows: Iterable[object], start: int) -> Extremes | None:
    """The extremes of the candles that began at or after `start` (ms), the open one included; None without any."""
    found: list[Extremes] = []
    for row in rows:
        items = sequence(row, "candle")
        if len(items) < 5:
            raise BadAnswer("candle: too short")
        high, low = exact(items[2], "high"), exact(items[3], "low")
        if not 0 < low <= high:
            raise BadAnswer("candle: high below low")
        if exact(items[0], "time") >= start:
            found.append(Extremes(high, low))
    return Extremes(max(one.high for one in found), min(one.low for one in found)) if found else None


@dataclass(frozen=True, slots=True)
class Funding:
    """The rate that a swap's longs pay its shorts (negative: the reverse), next at `at` (market ms), every `interval` ms."""

    rate: Decimal
    at: int
    interval: int


def funding(row: Mapping[str, Any]) -> Funding:
    """One funding-rate row."""
    at, following = millis(row, "fundingTime"), millis(row, "nextFundingTime")
    return Funding(number(row, "fundingRate"), at, max(following - at, 0))
