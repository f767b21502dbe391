"""The vigil: says aloud when a position has stood without its stop for too long, and when that is over.

Reads the book's naked stretches only, so that it also speaks while the exchange does not answer. Mends nothing: that is
`protect`.
"""

from __future__ import annotations

from bot.domain.clock import HOUR, SECOND, Ages, Pause
from bot.domain.log import Event
from bot.engine.desk import Desk
from bot.engine.refusals import Refusals

#: Real ms without full cover after which it is said: a stop that is replaced, a sale on its way and the proof of a lost one
#: take less.
BOUND = 10 * SECOND
#: Real ms until it is said again.
AGAIN = HOUR
#: Real ms between two looks at the book.
_LOOK = SECOND


class Vigil:
    """Watches one account's naked stretches; tells its log, which is what alarms are picked from."""

    def __init__(self, desk: Desk, refused: Refusals) -> None:
        self._desk = desk
        self._refused = refused
        self._pause = Pause(desk.clock)
        self._ages = Ages(desk.clock)
        self._told: dict[str, Pause] = {}

    def look(self) -> None:
        """To be called a few times a second."""
        if not self._pause.is_over():
            return
        self._pause.begin(_LOOK)
        naked = self._desk.book.uncovered()
        self._ages.keep(_name(symbol, since) for symbol, (since, _) in naked.items())
        for symbol, (since, why) in naked.items():
            age = self._ages.of(_name(symbol, since), since)
            if age >= BOUND and (symbol not in self._told or self._told[symbol].is_over()):
                self._told[symbol] = Pause(self._desk.clock, AGAIN)
                reason = f"no full stop at the exchange: {self._refusal(symbol) or why}"
                self._desk.log.error(Event.NAKED, symbol=symbol, reason=reason, for_s=age // SECOND)
        for symbol in self._told.keys() - naked.keys():
            del self._told[symbol]
            self._desk.log.info(
                Event.COVERED, symbol=symbol, reason="its stop rests again, or nothing is held any more"
            )

    def _refusal(self, symbol: str) -> str | None:
        """Why the exchange refused the last stop of a position, if it did."""
        position = self._desk.book.position(symbol)
        reason = self._refused.reason(position.entry_id) if position is not None else None
        return None if reason is None else f"refused ({reason})"


def _name(symbol: str, since: int) -> str:
    """One stretch among all."""
    return f"{symbol} {since}"
