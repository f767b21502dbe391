"""Halts after losses: once a limit is passed, entries stay away until it is over, whatever prices or deposits do meanwhile.

A day's halt ends with the day, a drawdown's with the owner's word. Both are on disk: a restart lifts neither. They are
said once when they begin and once when they end.
"""

from __future__ import annotations

from decimal import Decimal

from bot.domain.clock import day_start
from bot.domain.log import Event, Halt
from bot.engine.order_manager import OrderManager
from bot.engine.risk import Limits, Losses
from bot.strategy.gate_inputs import Lost
from bot.strategy.gates import LOST, Blocked, first

_DAY, _REASON, _DRAWDOWN = "halted_day", "halted_day_reason", "halted_drawdown"


class Halts:
    """Remembers which limits on losses were passed, for one account."""

    def __init__(self, oms: OrderManager, limits: Limits) -> None:
        self._oms = oms
        self._limits = limits

    def look(self, losses: Losses) -> Blocked | None:
        """Begin what has to begin, end what is over; the gate that blocks entries for losses now, with the numbers of the
        moment when its limit was passed.
        """
        return self._drawdown(losses) or self._day(losses)

    def lift(self) -> None:
        """The owner resumes: a drawdown's halt is over. A day's is not, its loss stays lost."""
        if self._oms.book.get_state(_DRAWDOWN) is not None:
            self._oms.book.set_state(_DRAWDOWN, None)
            self._oms.log.info(Event.RESUMED, limit=Halt.DRAWDOWN, reason="by the owner's word")

    def _drawdown(self, losses: Losses) -> Blocked | None:
        kept = self._oms.book.get_state(_DRAWDOWN)
        lost, most = (losses.drawdown_pct, self._limits.max_drawdown_pct) if kept is None else _read(kept)
        blocked = first(LOST, Lost(drawdown_pct=lost, max_drawdown_pct=most))
        if blocked is not None and kept is None:
            passed = _written(Halt.DRAWDOWN, lost, most)
            self._oms.book.set_state(_DRAWDOWN, passed)
            self._say(Halt.DRAWDOWN, f"{passed}: no new entries until `nija resume`")
        return blocked

    def _day(self, losses: Losses) -> Blocked | None:
        book = self._oms.book
        today = str(day_start(self._oms.clock.market_ms()))
        began = book.get_state(_DAY)
        if began is not None and began != today:
            book.set_state(_DAY, None)
            self._oms.log.info(Event.RESUMED, limit=Halt.DAILY_LOSS, reason="a new UTC day has begun")
        kept = book.get_state(_REASON) if began == today else None
        lost, most = (losses.day_pct, self._limits.max_daily_loss_pct) if kept is None else _read(kept)
        blocked = first(LOST, Lost(day_pct=lost, max_day_pct=most))
        if blocked is not None and kept is None:
            passed = _written(Halt.DAILY_LOSS, lost, most)
            book.set_state(_REASON, passed)
            book.set_state(_DAY, today)
            self._say(Halt.DAILY_LOSS, f"{passed}: no new entries until the next UTC day")
        return blocked

    def _say(self, halt: Halt, reason: str) -> None:
        self._oms.log.error(Event.HALTED, reason=reason, limit=halt)


def _written(halt: Halt, lost: Decimal, most: Decimal) -> str:
    """A limit that was passed, as the book keeps it."""
    return f"{halt}: {lost:.2f} % against {most:.2f} %"


def _read(kept: str) -> tuple[Decimal, Decimal]:
    """The percentages of what `_written` wrote."""
    lost, most = kept.replace(" %", "").split(": ")[1].split(" against ")
    return Decimal(lost), Decimal(most)
