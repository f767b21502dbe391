"""Closed candles a decision may be made on: fetched when a new one must be there, refused when anything is wrong with them."""

from __future__ import annotations

from bot.domain.candles import Candles, Fault, Flaw, fill_flat, inspect, too_quiet
from bot.engine.desk import Desk

#: Candles that are asked for again with the new ones, to see that the venue still tells the same past.
OVERLAP = 2


class Unfit(Exception):
    """These candles may not reach a decision; the text says why."""


class Prices:
    """The newest closed candles of each symbol, one timeframe, one account's broker."""

    def __init__(self, desk: Desk, timeframe_ms: int, window: int, *, fills_gaps: bool = True) -> None:
        self._desk = desk
        self._fills_gaps = fills_gaps
        self._timeframe = timeframe_ms
        self._window = window
        self._kept: dict[str, Candles] = {}

    def newest_close(self) -> int:
        """When the newest candle closed (market ms)."""
        now = self._desk.clock.market_ms()
        return now - now % self._timeframe

    def closed(self, symbol: str) -> Candles:
        """Candles up to the newest close. Raises `Unfit` when they are bad, late or too quiet, `BrokerError` when unanswered.

        Bad ones are asked for a second time; a gap that is still there was a time without trades. For a strategy that wants gaps
        left out, one is no fault.
        """
        kept = self._kept.get(symbol)
        if kept is not None and len(kept) and kept.closed_at == self.newest_close():
            return kept
        candles = self._joined(symbol, kept) if kept is not None else self._ask(symbol)
        flaws = self._flaws(candles)
        if flaws:
            candles = self._ask(symbol)
            flaws = self._flaws(candles)
        if flaws and all(flaw.fault is Fault.GAP for flaw in flaws):
            candles, flaws = fill_flat(candles), ()
        if flaws:
            raise Unfit(f"candle of {flaws[0].time}: {flaws[0].fault.value}")
        self._kept[symbol] = self._checked(candles)
        return self._kept[symbol]

    def _flaws(self, candles: Candles) -> tuple[Flaw, ...]:
        return tuple(flaw for flaw in inspect(candles) if self._fills_gaps or flaw.fault is not Fault.GAP)

    def forget(self, symbols: set[str]) -> None:
        """Keep candles of these symbols only."""
        self._kept = {symbol: candles for symbol, candles in self._kept.items() if symbol in symbols}

    def _joined(self, symbol: str, kept: Candles) -> Candles:
        """What is kept and what has closed since; all of them anew when the venue tells the past differently now."""
        missing = (self.newest_close() - kept.closed_at) // self._timeframe
        if missing >= self._window // 2:
            return self._ask(symbol)
        fresh = self._desk.broker.candles(symbol, self._timeframe, missing + OVERLAP)
        rows = [fresh.candle(index) for index in range(len(fresh))]
        known = {
            candle.time: candle for candle in (kept.candle(index) for index in range(-min(len(kept), len(rows)), 0))
        }
        if any(row != known[row.time] for row in rows if row.time in known):
            return self._ask(symbol)
        for row in rows:
            if row.time >= kept.closed_at:
                kept = kept.append(row, self._window)
        return kept

    def _ask(self, symbol: str) -> Candles:
        return self._desk.broker.candles(symbol, self._timeframe, self._window)

    def _checked(self, candles: Candles) -> Candles:
        if len(candles) == 0:
            raise Unfit("no candles yet")
        if candles.closed_at > self.newest_close():
            candles = candles[: -((candles.closed_at - self.newest_close()) // self._timeframe)]
        if len(candles) == 0 or candles.closed_at < self.newest_close():
            raise Unfit("the newest candle is not there yet")
        if too_quiet(candles):
            raise Unfit("more than 10 % of the last 50 candles had no trade")
        return candles
