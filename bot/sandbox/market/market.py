"""The sandbox's market: what every venue sees at any moment, in Decimals.

Its only state is the seed, the start and the requested jumps. The whole market follows from these three, in
whatever order it is read. Never trades and knows no accounts or venues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.sandbox.market.candles import DAY_MS, MINUTE_MS, GeneratedCandles
from bot.sandbox.market.coins import Listing, listings
from bot.sandbox.market.path import CoinPath
from bot.sandbox.market.replay import ReplayedCandles, files, moment
from bot.sandbox.market.symbol import Symbol
from bot.sandbox.market.tape import MS_NS
from bot.sandbox.market.values import Bar, Book, DayStats, Jump, Level, MarketError, Quote, Trade

HISTORY_DAYS = 800
"""Candles reach this far back from the start."""
VWAP_DAYS = 8
"""The vwap of candles is exact this far back from the start, and an estimate before."""


class Market:
    """All symbols of a sandbox. Times are market time in milliseconds UTC; "at t" includes all of millisecond t.

    `ticks` overrides the price increment of symbols, as venues differ, and `spread` their usual ask - bid (a fraction of
    the price). With `replay`, only symbols with candles in the folder exist.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        symbols: Sequence[str],
        replay: Path | None = None,
        ticks: Mapping[str, Decimal] | None = None,
        spread: float | None = None,
    ) -> None:
        known = listings()
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown:
            raise MarketError(f"the sandbox has no market for {', '.join(unknown)}; it has {', '.join(known)}")
        if spread is not None:
            known = {symbol: replace(known[symbol], spread=spread * 1e4) for symbol in symbols}
        self.seed = seed
        self.start_ms = start_ms
        self._jumps: list[Jump] = []
        listed = {symbol: (known[symbol], (ticks or {}).get(symbol, known[symbol].tick)) for symbol in symbols}
        self._symbols = (
            _generated(seed, start_ms, listed) if replay is None else _replayed(seed, start_ms, listed, replay)
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """The traded symbols, in the order requested."""
        return tuple(self._symbols)

    def tick(self, symbol: str) -> Decimal:
        """The price increment of a symbol."""
        return self._of(symbol).tick

    def lot(self, symbol: str) -> Decimal:
        """The quantity increment of a symbol's tape and book."""
        return self._of(symbol).lot

    def ends_ms(self, symbol: str) -> int | None:
        """When replayed candles run out and the price stays constant; None for a generated market."""
        return self._of(symbol).ends_ms

    def listed_ms(self, symbol: str) -> int:
        """When the symbol's first candle opened."""
        return self._of(symbol).series.first_ms

    def last(self, symbol: str, t_ms: int) -> Decimal:
        """Price of the last trade at t."""
        coin = self._of(symbol)
        return coin.series.last(t_ms).price * coin.tick

    def quote(self, symbol: str, t_ms: int) -> Quote:
        """Best bid and ask at t; the last trade was at one of them."""
        coin = self._of(symbol)
        bid, ask = coin.best(t_ms)
        bid_lots, ask_lots = coin.depth.best_lots(bid, ask, t_ms)
        return Quote(bid * coin.tick, ask * coin.tick, bid_lots * coin.lot, ask_lots * coin.lot)

    def book(self, symbol: str, t_ms: int, depth: int) -> Book:
        """Up to `depth` levels per side at t; the best ones are the quote."""
        coin = self._of(symbol)
        sides = coin.depth.book(*coin.best(t_ms), t_ms, depth)
        bids, asks = (
            [Level(p * coin.tick, q * coin.lot) for p, q in zip(side.prices.tolist(), side.lots.tolist(), strict=True)]
            for side in sides
        )
        return Book(bids, asks)

    def bars(self, symbol: str, interval_ms: int, from_ms: int, to_ms: int, origin_ms: int = 0) -> list[Bar]:
        """Bars with open time in [from, to] as known at `to`: the last may still be running.

        The interval is in whole minutes; its grid starts at `origin_ms`, for example for weeks that begin on Monday.
        Bars without trades are flat, with vwap and volume 0.
        """
        if interval_ms < MINUTE_MS or interval_ms % MINUTE_MS:
            raise MarketError(f"bars come in whole minutes, not in {interval_ms} ms")
        coin = self._of(symbol)
        first = origin_ms - (origin_ms - max(from_ms, coin.series.first_ms)) // interval_ms * interval_ms
        if first > to_ms:
            return []
        columns = coin.series.candles(interval_ms, first, to_ms + 1)
        return coin.bars(columns, first, interval_ms)

    def trades(self, symbol: str, after_ns: int, to_ms: int, limit: int) -> list[Trade]:
        """The first `limit` trades after `after_ns` (exclusive) and at or before `to_ms`, oldest first."""
        coin = self._of(symbol)
        start = max(after_ns + 1, coin.series.first_ms * MS_NS)
        tape = coin.series.trades(start, (to_ms + 1) * MS_NS, limit)
        return coin.trades(tape)

    def recent(self, symbol: str, to_ms: int, limit: int) -> list[Trade]:
        """The newest `limit` trades at `to_ms`, oldest first."""
        coin = self._of(symbol)
        tape = coin.series.recent((to_ms + 1) * MS_NS, limit)
        return coin.trades(tape)

    def extremes(self, symbol: str, from_ms: int, to_ms: int) -> tuple[Decimal, Decimal]:
        """Lowest and highest traded price in (from, to]; without a trade, the last price twice."""
        coin = self._of(symbol)
        low, high = coin.series.extremes(from_ms, to_ms)
        return low * coin.tick, high * coin.tick

    def stats24h(self, symbol: str, t_ms: int) -> DayStats:
        """The last 24 hours (to the minute) and today since 00:00 UTC, at t."""
        coin = self._of(symbol)
        midnight = t_ms // DAY_MS * DAY_MS
        day_ago = (t_ms // MINUTE_MS + 1) * MINUTE_MS - DAY_MS
        day = coin.series.minutes(day_ago, t_ms + 1)
        today = day.part((midnight - day_ago) // MINUTE_MS, len(day.open))
        return DayStats(coin.stats(day), coin.stats(today))

    def jump(self, symbol: str, t_ms: int, price: Decimal) -> None:
        """Prints a trade at `price` at t; the market continues from there and past prices stay.

        Symbols of the same coin in other quotes move by the same ratio.
        """
        coin = self._of(symbol)
        target = int((price / coin.tick).to_integral_value())
        if target < 1:
            raise MarketError(f"{symbol} cannot trade at {price}; its tick is {coin.tick}")
        if self._jumps and t_ms < self._jumps[-1].time_ms:
            raise MarketError(f"{symbol} cannot jump at {t_ms}: the market has jumped at {self._jumps[-1].time_ms}")
        ratio = coin.series.jump(t_ms, target)
        for other in self._symbols.values():
            if other is not coin and other.listing.coin == coin.listing.coin:
                other.series.jump(t_ms, max(1, round(other.series.last(t_ms).price * ratio)))
        self._jumps.append(Jump(symbol, t_ms, price))

    def jumps(self) -> tuple[Jump, ...]:
        """All jumps so far, to be saved."""
        return tuple(self._jumps)

    def restore(self, jumps: Iterable[Jump]) -> None:
        """Repeats the jumps of a saved state."""
        for symbol, time_ms, price in jumps:
            self.jump(symbol, time_ms, price)

    def _of(self, symbol: str) -> Symbol:
        if symbol not in self._symbols:
            raise MarketError(f"no market for {symbol}")
        return self._symbols[symbol]


def _generated(seed: int, start_ms: int, listed: Mapping[str, tuple[Listing, Decimal]]) -> dict[str, Symbol]:
    """The symbols with generated prices; those of one coin share its path."""
    first_day, exact_ms = start_ms // DAY_MS - HISTORY_DAYS, _exact_from(start_ms)
    paths = {coin: CoinPath(seed, coin) for coin in {listing.coin for listing, _ in listed.values()}}
    return {
        name: Symbol(
            seed, listing, tick, GeneratedCandles(seed, listing, tick, paths[listing.coin], first_day), exact_ms
        )
        for name, (listing, tick) in listed.items()
    }


def _replayed(
    seed: int, start_ms: int, listed: Mapping[str, tuple[Listing, Decimal]], folder: Path
) -> dict[str, Symbol]:
    """The symbols with candles in the folder."""
    found = files(folder)
    sources = {
        name: ReplayedCandles(found[name], listing, tick) for name, (listing, tick) in listed.items() if name in found
    }
    if not sources:
        raise MarketError(f"{folder} holds candles of {', '.join(found)}, none of {', '.join(listed)}")
    for name, source in sources.items():
        if not source.first_ms <= start_ms < source.end_ms:
            span = f"{moment(source.first_ms)} to {moment(source.end_ms)}"
            raise MarketError(f"{found[name].path.name} runs from {span}; the start, {moment(start_ms)}, is outside")
    return {name: Symbol(seed, *listed[name], source, _exact_from(start_ms)) for name, source in sources.items()}


def _exact_from(start_ms: int) -> int:
    """Since when the vwap of candles is exact: to make the trades of months for it takes seconds."""
    return start_ms - VWAP_DAYS * DAY_MS
