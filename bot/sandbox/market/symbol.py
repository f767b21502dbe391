"""One symbol: its series and depth, converted from ticks and lots to Decimals."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from bot.sandbox.market.candles import MINUTE_MS, CandleSource
from bot.sandbox.market.coins import Listing
from bot.sandbox.market.depth import Depth
from bot.sandbox.market.noise import key
from bot.sandbox.market.series import Columns, Series
from bot.sandbox.market.tape import Prints
from bot.sandbox.market.values import Bar, Side, Stats, Trade

UNREST_MINUTES = 20


class Symbol:
    """A symbol of the market with its tick and lot."""

    def __init__(self, seed: int, listing: Listing, tick: Decimal, source: CandleSource, exact_ms: int) -> None:
        self.listing = listing
        self.tick = tick
        self.lot = listing.lot
        self.series = Series(source, key(seed, listing.symbol, "tape"), exact_ms)
        self.depth = Depth(listing, tick, key(seed, listing.symbol, "depth"))
        self.ends_ms = source.end_ms
        self._unrest = (-1, 1.0)

    def best(self, t_ms: int) -> tuple[int, int]:
        """Best bid and ask in ticks."""
        return self.depth.best(self.series.last(t_ms), self._unrest_at(t_ms // MINUTE_MS))

    def _unrest_at(self, minute: int) -> float:
        """Mean range of the last closed minutes, relative to the coin's usual one; widens the spread."""
        if self._unrest[0] != minute:
            end = minute * MINUTE_MS
            recent = self.series.minutes(max(end - UNREST_MINUTES * MINUTE_MS, self.series.first_ms), end)
            usual = 0.75 * self.listing.coin.vol
            ratio = float(np.mean((recent.high - recent.low) / recent.close)) / usual if len(recent.open) else 1.0
            self._unrest = (minute, min(max(ratio, 0.6), 6.0))
        return self._unrest[1]

    def trades(self, tape: Prints) -> list[Trade]:
        """Prints as trades."""
        rows = zip(tape.time_ns.tolist(), tape.buy.tolist(), tape.price.tolist(), tape.qty.tolist(), strict=True)
        return [
            Trade(time_ns, tape.first_id + n, Side.BUY if buy else Side.SELL, price * self.tick, qty * self.lot)
            for n, (time_ns, buy, price, qty) in enumerate(rows)
        ]

    def bars(self, columns: Columns, first_ms: int, interval_ms: int) -> list[Bar]:
        """Columns as bars."""
        return [
            Bar(
                first_ms + n * interval_ms,
                open_ * self.tick,
                high * self.tick,
                low * self.tick,
                close * self.tick,
                _mean(paid, volume) * self.tick,
                volume * self.lot,
                prints,
            )
            for n, (open_, high, low, close, volume, prints, paid) in enumerate(_rows(columns))
        ]

    def stats(self, columns: Columns) -> Stats:
        """Statistics of one period from columns."""
        traded = np.flatnonzero(columns.prints)
        if not len(traded):
            price = int(columns.close[-1]) * self.tick
            return Stats(price, price, price, 0 * self.lot, price, 0)
        paid, volume = sum(columns.paid.tolist()), sum(columns.volume.tolist())
        return Stats(
            int(columns.open[traded[0]]) * self.tick,
            int(columns.high[traded].max()) * self.tick,
            int(columns.low[traded].min()) * self.tick,
            volume * self.lot,
            _mean(paid, volume) * self.tick,
            int(columns.prints.sum()),
        )


def _rows(columns: Columns) -> zip[tuple[int, ...]]:
    lists: list[list[int]] = [column.tolist() for column in columns]
    return zip(*lists, strict=True)


def _mean(paid: int, volume: int) -> int:
    """Mean price in whole ticks; 0 without trades."""
    return (2 * paid + volume) // (2 * volume) if volume else 0
