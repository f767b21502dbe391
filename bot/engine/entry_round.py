"""The entries of one close, judged together: each market's candles come when they come, and the strongest signal goes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.domain.clock import MINUTE, SECOND
from bot.engine.accounting import Accounting, AccountSnapshot
from bot.engine.candle_cache import CandleCache
from bot.engine.entries import Entries
from bot.engine.order_manager import OrderManager
from bot.strategy.gates import Blocked

#: The part of a timeframe, and the market ms at most, for which the entries of a close wait until it is known of all markets.
PATIENCE, LONGEST = 5, 5 * MINUTE
#: Real ms for which one measurement of the account serves the entries that are judged after it.
FRESH = 20 * SECOND


@dataclass(slots=True)
class EntryRound:
    """Begun by a cycle, over with the next close. `snapshot` is the account as last measured, None when it has changed since."""

    oms: OrderManager
    candle_cache: CandleCache
    accounting: Accounting
    entries: Entries
    timeframe_ms: int
    snapshot: AccountSnapshot | None = None
    _close: int = 0
    _symbols: Sequence[str] = ()
    _left: set[str] = field(default_factory=set)
    """Markets whose entries are still to be judged."""

    def begin(self, symbols: Sequence[str], snapshot: AccountSnapshot) -> None:
        """Judge these markets at the newest close: once it is known of all, or after a while without the rest, which follow."""
        self._close, self._symbols, self._left = self.candle_cache.newest(), symbols, set(symbols)
        self.snapshot = snapshot

    def end(self) -> None:
        """What is not judged yet is left to the next."""
        self._close = 0
        self._left.clear()

    def hear(self, symbol: str, close: int) -> None:
        """More is known of a market: it is judged, once more if it was."""
        if close == self._close and symbol in self._symbols:
            self._left.add(symbol)

    def judge(self, blocked_by: Callable[[AccountSnapshot], Blocked | None]) -> None:
        """Enter what may be entered now; `blocked_by` is the gate that blocks the whole account. Raises `BrokerError`."""
        ready = self._ready()
        if not ready:
            return
        self._left -= set(ready)
        snapshot = self.measured()
        if self.entries.scan(ready, snapshot, blocked_by(snapshot)):
            self.snapshot = None
            self.measured()

    def measured(self) -> AccountSnapshot:
        """The account, measured anew when it has changed or a while has passed."""
        snapshot = self.snapshot
        if snapshot is None or self.oms.clock.steady_ms() - snapshot.at >= FRESH:
            snapshot = self.snapshot = self.accounting.measure()
        return snapshot

    def _ready(self) -> Sequence[str]:
        """The markets that can be judged now, in their order."""
        if not self._left or self._close != self.candle_cache.newest():
            return ()
        known = [
            symbol for symbol in self._symbols if symbol in self._left and self.candle_cache.of(symbol) is not None
        ]
        late = self.oms.clock.market_ms() - self._close >= min(self.timeframe_ms // PATIENCE, LONGEST)
        return known if late or len(known) == len(self._left) else ()
