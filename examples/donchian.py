"""A Donchian channel: enter long on a close above the 20-candle high, exit on a close below the 10-candle low.

An example of a complete strategy in one file. Copy it into NIJA's folder, change it, and name it in `.env`:
`STRATEGY=donchian.py:Donchian`. Its profitability was not measured; it is an example to read.
"""

from __future__ import annotations

from bot.domain.candles import Candles
from bot.strategy.base import Close, Evaluation, Strategy, Trade

#: The lookback in candles of the entry channel and of the exit channel, without the candle that just closed.
ENTRY, EXIT = 20, 10
#: The distance of the stop below the channel's low, in channel widths. The stop is for crashes; the regular exit is at a close.
REACH = 0.5
#: Percent of equity per position, limited by MAX_POSITION_PCT.
SIZE_PCT = 5.0


class Donchian(Strategy):
    """Has no targets; sells the whole position with the exit reason `channel`."""

    required = ENTRY + 1
    legs = ()

    def evaluate(self, candles: Candles) -> Evaluation:
        """Long at a close above the channel; the largest break-out ranks first."""
        close, high = float(candles.close[-1]), float(candles.high[-ENTRY - 1 : -1].max())
        low = lowest(candles)
        if not low < high < close:
            return Evaluation(0, candles.closed_at, close, why=f"not above {high:g}")
        return Evaluation(
            side=1,
            closed_at=candles.closed_at,
            close=close,
            stop=low - REACH * (high - low),
            risk_price=low,
            momentum=(close - high) / (high - low),
            why=f"above {high:g}",
            kept=(("channel", low),),
        )

    def size_pct(self, evaluation: Evaluation) -> float:
        """The same size for every entry."""
        return SIZE_PCT

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Exit at a close below the channel; otherwise the stop follows the channel's low, which never falls during a trade."""
        close, kept = float(candles.close[-1]), dict(trade.kept)
        low = max(lowest(candles), kept.get("channel", 0.0))
        if close < low:
            return Close(trade.stop, "channel", f"below {low:g}")
        distance = REACH * (float(candles.high[-ENTRY - 1 : -1].max()) - low)
        return Close(max(trade.stop, low - max(distance, 0.0)), kept=(("channel", low),))


def lowest(candles: Candles) -> float:
    """The channel's low at the last close."""
    return float(candles.low[-EXIT - 1 : -1].min())
