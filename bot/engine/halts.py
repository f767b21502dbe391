"""Halts after losses: once a limit is exceeded, entries are blocked until the halt ends, whatever prices or deposits do
meanwhile.

The halt of a day ends with the day, that of a drawdown when the owner resumes. Both are stored, so a restart lifts neither. Each
is logged once at its beginning and once at its end.
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
    """Remembers which loss limits one account has exceeded."""

    def __init__(self, oms: OrderManager, limits: Limits) -> None:
        self._oms = oms
        self._limits = limits

    def look(self, losses: Losses) -> Blocked | None:
        """Begin and end halts as due. Returns the gate that blocks entries now because of losses, with the numbers at the time
        its limit was exceeded.
        """
        return self._drawdown(losses) or self._day(losses)

    def lift(self) -> None:
        """The owner resumes: this ends the halt of a drawdown, but not that of a day."""
        if self._oms.book.get_state(_DRAWDOWN) is not None:
            self._oms.book.set_state(_DRAWDOWN, None)
            self._oms.log.info(Event.RESUMED, limit=Halt.DRAWDOWN, reason="resumed by the owner")

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
    """The stored form of an exceeded limit."""
    return f"{halt}: {lost:.2f} % against {most:.2f} %"


def _read(kept: str) -> tuple[Decimal, Decimal]:
    """The inverse of `_written`: the percentages."""
    lost, most = kept.replace(" %", "").split(": ")[1].split(" against ")
    return Decimal(lost), Decimal(most)
