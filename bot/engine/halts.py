"""Halts after losses: once a limit is passed, entries stay away until it is over, whatever prices or deposits do meanwhile.

A day's halt ends with the day, a drawdown's with the owner's word. Both are on disk: a restart lifts neither. They are
said once when they begin and once when they end.
"""

from __future__ import annotations

from bot.domain.clock import day_start
from bot.domain.log import Event, Halt
from bot.engine.desk import Desk
from bot.engine.risk import Limits, Losses, Refusal, halt_of_day, halt_of_drawdown

_DAY, _REASON, _DRAWDOWN = "halted_day", "halted_day_reason", "halted_drawdown"


class Halts:
    """Remembers which limits on losses were passed, for one account."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def look(self, losses: Losses) -> str | None:
        """Begin what has to begin, end what is over; why losses allow no entries now, or None."""
        return self._drawdown(losses) or self._day(losses)

    def lift(self) -> None:
        """The owner resumes: a drawdown's halt is over. A day's is not, its loss stays lost."""
        if self._desk.book.fact(_DRAWDOWN) is not None:
            self._desk.book.remember(_DRAWDOWN, None)
            self._desk.log.info(Event.RESUMED, limit=Halt.DRAWDOWN, reason="by the owner's word")

    def _drawdown(self, losses: Losses) -> str | None:
        book = self._desk.book
        if book.fact(_DRAWDOWN) is None:
            refusal = halt_of_drawdown(losses, self._limits)
            if refusal is not None:
                book.remember(_DRAWDOWN, str(refusal))
                self._say(Halt.DRAWDOWN, refusal, "until `nija resume`")
        return book.fact(_DRAWDOWN)

    def _day(self, losses: Losses) -> str | None:
        book = self._desk.book
        today = str(day_start(self._desk.clock.market_ms()))
        began = book.fact(_DAY)
        if began is not None and began != today:
            book.remember(_DAY, None)
            self._desk.log.info(Event.RESUMED, limit=Halt.DAILY_LOSS, reason="a new UTC day has begun")
            began = None
        if began is None:
            refusal = halt_of_day(losses, self._limits)
            if refusal is None:
                return None
            book.remember(_REASON, str(refusal))
            book.remember(_DAY, today)
            self._say(Halt.DAILY_LOSS, refusal, "until the next UTC day")
        return book.fact(_REASON)

    def _say(self, halt: Halt, refusal: Refusal, until: str) -> None:
        self._desk.log.error(Event.HALTED, reason=f"{refusal}: no new entries {until}", limit=halt)
