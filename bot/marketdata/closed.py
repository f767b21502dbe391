"""Closed candles that a decision may be based on: joined, checked, and rejected if they have a fault. Pure."""

from __future__ import annotations

from typing import Final

from bot.domain.candles import Candles, Fault, Flaw, fill_flat, inspect, too_quiet
from bot.domain.events import Unfit
from bot.marketdata.port import NOT_THERE

#: The number of known candles requested again with the new ones, to check that the exchange has not changed them.
OVERLAP: Final = 2
NONE: Final = Unfit("no candles yet")
QUIET: Final = Unfit("more than 10 % of the last 50 candles had no trade")


def joined(kept: Candles, fresh: Candles, most: int) -> Candles | None:
    """The kept candles and those that have closed since, `most` at most; None if the exchange has changed past candles."""
    rows = [fresh.candle(index) for index in range(len(fresh))]
    last = (kept.candle(index) for index in range(-min(len(kept), len(rows)), 0))
    known = {candle.time: candle for candle in last}
    if any(row != known[row.time] for row in rows if row.time in known):
        return None
    for row in rows:
        if row.time >= kept.closed_at:
            kept = kept.append(row, most)
    return kept


def flaws_of(candles: Candles, *, fills_gaps: bool) -> tuple[Flaw, ...]:
    """All flaws of the candles. If gaps are not filled, a gap is not a flaw."""
    return tuple(flaw for flaw in inspect(candles) if fills_gaps or flaw.fault is not Fault.GAP)


def mended(candles: Candles, most: int, *, fills_gaps: bool) -> Candles:
    """Candles from a repeated request: a gap that is still there had no trades and is filled. Only the last `most` intervals are
    kept, because filling up from one very old candle would exhaust the memory.
    """
    flaws = flaws_of(candles, fills_gaps=fills_gaps)
    if not flaws or any(flaw.fault is not Fault.GAP for flaw in flaws):
        return candles
    first = int(candles.time[-1]) - (most - 1) * candles.timeframe_ms
    return fill_flat(candles[int(candles.time.searchsorted(first)) :])


def judged(candles: Candles, close: int, *, fills_gaps: bool) -> Candles | Unfit:
    """The candles up to the close at market time `close`, or why there is nothing to decide on. Where gaps are not filled, it is
    for the strategy to say how many are too many.
    """
    if len(candles) == 0:
        return NONE
    if flaws := flaws_of(candles, fills_gaps=fills_gaps):
        return Unfit(f"candle of {flaws[0].time}: {flaws[0].fault.value}")
    if candles.closed_at > close:
        candles = candles[: -((candles.closed_at - close) // candles.timeframe_ms)]
    if len(candles) == 0 or candles.closed_at < close:
        return NOT_THERE
    return QUIET if fills_gaps and too_quiet(candles) else candles
