"""The naked-position watchdog: reports a position that has had no stop for too long, and when it has one again.

It reads only the book's naked periods, so it also works while the exchange does not answer. It repairs nothing; `protect` does.
"""

from __future__ import annotations

from bot.domain.clock import HOUR, SECOND, Ages, Pause
from bot.domain.log import Event
from bot.engine.order_manager import OrderManager
from bot.engine.refusals import Refusals

#: Real ms without full protection before it is reported. Replacing a stop, a sale in progress and the proof that a lost stop is
#: absent take less.
BOUND = 10 * SECOND
#: Real ms until it is reported again.
AGAIN = HOUR
#: Real ms between two checks of the book.
_LOOK = SECOND


class NakedWatchdog:
    """Watches the naked periods of one account and logs them; alarms are selected from the log."""

    def __init__(self, oms: OrderManager, refused: Refusals) -> None:
        self._oms = oms
        self._refused = refused
        self._pause = Pause(oms.clock)
        self._ages = Ages(oms.clock)
        self._logged: dict[str, Pause] = {}

    def check(self) -> None:
        """Check once; to be called a few times per second."""
        if not self._pause.is_over():
            return
        self._pause.begin(_LOOK)
        naked = self._oms.book.unprotected()
        self._ages.keep(_name(symbol, since) for symbol, (since, _) in naked.items())
        for symbol, (since, why) in naked.items():
            age = self._ages.of(_name(symbol, since), since)
            if age >= BOUND and (symbol not in self._logged or self._logged[symbol].is_over()):
                self._logged[symbol] = Pause(self._oms.clock, AGAIN)
                reason = f"no full stop at the exchange: {self._refusal(symbol) or why}"
                self._oms.log.error(Event.NAKED, symbol=symbol, reason=reason, for_s=age // SECOND)
        for symbol in self._logged.keys() - naked.keys():
            del self._logged[symbol]
            self._oms.log.info(Event.COVERED, symbol=symbol, reason="its stop rests again, or the position is closed")

    def _refusal(self, symbol: str) -> str | None:
        """Why the exchange refused the last stop of a position; None if it did not."""
        position = self._oms.book.position(symbol)
        reason = self._refused.reason(position.entry_id) if position is not None else None
        return None if reason is None else f"refused ({reason})"


def _name(symbol: str, since: int) -> str:
    """The key of one naked period."""
    return f"{symbol} {since}"
