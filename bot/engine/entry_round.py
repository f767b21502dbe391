"""The entries of one close, evaluated together, strongest signal first, although the candles of the markets arrive one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.domain.clock import MINUTE, SECOND
from bot.engine.accounting import Accounting, AccountSnapshot
from bot.engine.candle_cache import CandleCache
from bot.engine.entries import Entries
from bot.engine.order_manager import OrderManager
from bot.strategy.gates import Blocked

#: How long the entries of a close wait for the candles of all markets: this fraction of a timeframe, at most this many market ms.
PATIENCE, LONGEST = 5, 5 * MINUTE
#: Real ms for which one measurement of the account is used for entries.
FRESH = 20 * SECOND


@dataclass(slots=True)
class EntryRound:
    """One round, begun by a cycle and ended by the next close. `snapshot` is the last measurement of the account, None if the
    account has changed since.
    """

    oms: OrderManager
    candle_cache: CandleCache
    accounting: Accounting
    entries: Entries
    timeframe_ms: int
    snapshot: AccountSnapshot | None = None
    _close: int = 0
    _symbols: Sequence[str] = ()
    _left: set[str] = field(default_factory=set)
    """Markets whose entries are not evaluated yet."""

    def begin(self, symbols: Sequence[str], snapshot: AccountSnapshot) -> None:
        """Begin to evaluate these markets at the newest close: when the candles of all have arrived, or after a while without
        the rest, which follow later.
        """
        self._close, self._symbols, self._left = self.candle_cache.newest(), symbols, set(symbols)
        self.snapshot = snapshot

    def end(self) -> None:
        """End the round; markets that are not evaluated yet are left to the next one."""
        self._close = 0
        self._left.clear()

    def hear(self, symbol: str, close: int) -> None:
        """New candles of a market have arrived: evaluate it, again if necessary."""
        if close == self._close and symbol in self._symbols:
            self._left.add(symbol)

    def judge(self, blocked_by: Callable[[AccountSnapshot], Blocked | None]) -> None:
        """Enter what may be entered now; `blocked_by` returns the gate that blocks the whole account. Raises `BrokerError`."""
        ready = self._ready()
        if not ready and not self.entries.rests.are_due():
            return
        self._left -= set(ready)
        snapshot = self.measured()
        blocked = blocked_by(snapshot)
        sent = self.entries.send_rests(snapshot, blocked)
        if (self.entries.scan(ready, snapshot, blocked) if ready else 0) + sent:
            self.snapshot = None
            self.measured()

    def measured(self) -> AccountSnapshot:
        """The account's measurement, repeated if the account has changed or the last one is too old."""
        snapshot = self.snapshot
        if snapshot is None or self.oms.clock.steady_ms() - snapshot.at >= FRESH:
            snapshot = self.snapshot = self.accounting.measure()
        return snapshot

    def _ready(self) -> Sequence[str]:
        """The markets that can be evaluated now, in order."""
        if not self._left or self._close != self.candle_cache.newest():
            return ()
        known = [
            symbol for symbol in self._symbols if symbol in self._left and self.candle_cache.of(symbol) is not None
        ]
        late = self.oms.clock.market_ms() - self._close >= min(self.timeframe_ms // PATIENCE, LONGEST)
        return known if late or len(known) == len(self._left) else ()
