"""A Donchian channel: long when a close is above the highest high of a while, out when one is below the lowest low of less.

An example of a whole strategy in one file. Copy it into NIJA's folder, change it, and name it in `.env`:
`STRATEGY=donchian.py:Donchian`. What it earns was not measured; it is here to be read.
"""

from __future__ import annotations

from bot.domain.candles import Candles
from bot.strategy.base import Close, Evaluation, Strategy, Trade

#: Candles that the channel of an entry and of an exit looks back over, the one that closes left out.
ENTRY, EXIT = 20, 10
#: How far below the channel's low the stop rests, in widths of the channel: it is for crashes, the close is the exit.
REACH = 0.5
#: Percent of equity in each position; MAX_POSITION_PCT binds in any case.
SIZE_PCT = 5.0


class Donchian(Strategy):
    """Sells the whole position by its own reason, `channel`: there are no targets."""

    required = ENTRY + 1
    legs = ()

    def evaluate(self, candles: Candles) -> Evaluation:
        """Long at a close above the channel; the widest break-out comes first."""
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
        """The same for every entry."""
        return SIZE_PCT

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Out at a close below the channel; else the stop follows the channel's low, which never falls for a trade."""
        close, kept = float(candles.close[-1]), dict(trade.kept)
        low = max(lowest(candles), kept.get("channel", 0.0))
        if close < low:
            return Close(trade.stop, "channel", f"below {low:g}")
        distance = REACH * (float(candles.high[-ENTRY - 1 : -1].max()) - low)
        return Close(max(trade.stop, low - max(distance, 0.0)), kept=(("channel", low),))


def lowest(candles: Candles) -> float:
    """The channel's low at the last close."""
    return float(candles.low[-EXIT - 1 : -1].min())
