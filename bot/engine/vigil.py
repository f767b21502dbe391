"""The vigil: says aloud when a position has stood without its stop for too long, and when that is over.

Reads the book's naked stretches only, so that it also speaks while the exchange does not answer. Mends nothing: that is
`protect`.
"""

from __future__ import annotations

from bot.domain.clock import HOUR, SECOND
from bot.engine.desk import Desk
from bot.engine.refusals import Refusals

#: Wall ms without full cover after which it is said: a stop that is replaced, a sale on its way and the proof of a lost one
#: take less.
BOUND = 10 * SECOND
#: Wall ms until it is said again.
AGAIN = HOUR
#: Wall ms between two looks at the book.
_LOOK = SECOND


class Vigil:
    """Watches one account's naked stretches; tells its log, which is what alarms are picked from."""

    def __init__(self, desk: Desk, refused: Refusals) -> None:
        self._desk = desk
        self._refused = refused
        self._looked_at = 0
        self._told: dict[str, int] = {}

    def look(self) -> None:
        """To be called a few times a second."""
        now = self._desk.clock.wall_ms()
        if now - self._looked_at < _LOOK:
            return
        self._looked_at = now
        naked = self._desk.book.uncovered()
        for symbol, (since, why) in naked.items():
            if now - since >= BOUND and now - self._told.get(symbol, 0) >= AGAIN:
                self._told[symbol] = now
                seconds = (now - since) // SECOND
                reason = f"no full stop at the exchange: {self._refusal(symbol) or why}"
                self._desk.log.error("NAKED", symbol=symbol, reason=reason, for_s=seconds)
        for symbol in self._told.keys() - naked.keys():
            del self._told[symbol]
            self._desk.log.info("COVERED", symbol=symbol, reason="its stop rests again, or nothing is held any more")

    def _refusal(self, symbol: str) -> str | None:
        """Why the exchange refused the last stop of a position, if it did."""
        position = self._desk.book.position(symbol)
        reason = self._refused.reason(position.entry_id) if position is not None else None
        return None if reason is None else f"refused ({reason})"
