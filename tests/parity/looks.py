"""The looks of the daemon that do something. While no bid is at a target, a look changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.domain.instrument import Instrument
from bot.domain.position import Position
from bot.sandbox.market import Market
from bot.store.holdings import open_positions
from bot.store.reader import Books
from bot.strategy import exits
from bot.strategy.apex import ApexStrategy
from bot.strategy.exact import trade_of
from bot.strategy.exits import Trade


class Looks:
    """Foresees the market of a sandbox that replays the same candles with the same seed.

    A stop fires at the exchange whether or not the daemon looks, so only targets call for a look.
    """

    def __init__(self, market: Market, book: Path, instruments: Mapping[str, Instrument], every_ms: int) -> None:
        self._market = market
        self._books = Books(book)
        self._accounts = self._books.accounts()
        self._instruments = instruments
        self._every = every_ms
        self._legs = ApexStrategy().legs
        self._held: Sequence[Position] = ()
        self.made = 0

    def next(self, now: int, until: int) -> int:
        """The time of the first look after `now` that sells at a target; `until` if none before it does. What a look or a close
        has changed gets one more look at once, for it may have left something to do.
        """
        self.made += 1
        before, self._held = self._held, self._positions()
        if self._held != before:
            return min(now + self._every, until)
        held = [(one.symbol, trade_of(one, self._instruments[one.symbol])) for one in self._held]
        near = [(symbol, trade) for symbol, trade in held if self._is_touched(symbol, trade, now, until)]
        looks = range(now + self._every, until, self._every) if near else ()
        return next((at for at in looks if any(self._is_due(symbol, trade, at) for symbol, trade in near)), until)

    def _positions(self) -> Sequence[Position]:
        return [one for seen in self._accounts for one in self._books.read(seen, open_positions) or ()]

    def _is_touched(self, symbol: str, trade: Trade, after: int, until: int) -> bool:
        """Whether a trade in this time was at a target."""
        low, high = (float(price) for price in self._market.extremes(symbol, after, until))
        return exits.reached(trade, high, low, self._legs) or exits.armed(trade, high, low, self._legs)

    def _is_due(self, symbol: str, trade: Trade, at: int) -> bool:
        """Whether the bid is at a target."""
        bid = float(self._market.quote(symbol, at).bid)
        return exits.reached(trade, bid, bid, self._legs) or exits.armed(trade, bid, bid, self._legs)
