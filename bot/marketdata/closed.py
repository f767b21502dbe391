"""Closed candles that a decision may be made on: pieced together, checked, and refused when anything is wrong with them. Pure."""

from __future__ import annotations

from typing import Final

from bot.domain.candles import Candles, Fault, Flaw, fill_flat, inspect, too_quiet
from bot.domain.events import Unfit
from bot.marketdata.port import NOT_THERE

#: Candles that are asked for again with the new ones, to see that the venue still tells the same past.
OVERLAP: Final = 2
NONE: Final = Unfit("no candles yet")
QUIET: Final = Unfit("more than 10 % of the last 50 candles had no trade")


def joined(kept: Candles, fresh: Candles, most: int) -> Candles | None:
    """What is kept, and what has closed since, `most` candles at most; None when the venue tells the past differently now."""
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
    """Everything wrong with them. To whoever wants gaps left out, not filled, none is a flaw."""
    return tuple(flaw for flaw in inspect(candles) if fills_gaps or flaw.fault is not Fault.GAP)


def mended(candles: Candles, most: int, *, fills_gaps: bool) -> Candles:
    """What was asked for twice: a gap that is still there was a time without trades. Of filled ones, those of the last `most`
    times: what a venue says of another age would fill the memory.
    """
    flaws = flaws_of(candles, fills_gaps=fills_gaps)
    if not flaws or any(flaw.fault is not Fault.GAP for flaw in flaws):
        return candles
    first = int(candles.time[-1]) - (most - 1) * candles.timeframe_ms
    return fill_flat(candles[int(candles.time.searchsorted(first)) :])


def judged(candles: Candles, close: int, *, fills_gaps: bool) -> Candles | Unfit:
    """The candles up to the close at market time `close`, or why there is nothing to decide on."""
    if len(candles) == 0:
        return NONE
    if flaws := flaws_of(candles, fills_gaps=fills_gaps):
        return Unfit(f"candle of {flaws[0].time}: {flaws[0].fault.value}")
    if candles.closed_at > close:
        candles = candles[: -((candles.closed_at - close) // candles.timeframe_ms)]
    if len(candles) == 0 or candles.closed_at < close:
        return NOT_THERE
    return QUIET if too_quiet(candles) else candles
