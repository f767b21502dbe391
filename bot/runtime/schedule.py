"""What of one account's work is due when. Pure: it is told the time and how things went, and answers what to do, and when next.

Cycles and looks at the positions follow the market's clock, on fixed points; whatever is done to that clock, forward or back,
none comes later than it would have come. What could not be finished comes again sooner, after waits that grow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bot.domain.backoff import Backoff
from bot.domain.clock import DAY, MINUTE, SECOND, Clock
from bot.domain.events import Timer
from bot.domain.pacer import Pacer

#: Real ms between two looks at commands, the emergency file and orders in flight.
TURN: Final = 250
#: The waits after looks that left something to do (a stop in doubt, a sale refused), and while coins lie without a stop.
LOOKS_AGAIN: Final = Backoff(500, 2, 5 * MINUTE)
NAKED_AGAIN: Final = Backoff(500, 2, 2 * SECOND)
#: The waits after cycles that the exchange did not answer.
CYCLES_AGAIN: Final = Backoff(2 * SECOND, 2, 5 * MINUTE)
#: The least wait (real ms) after a cycle that was put off.
PUT_OFF: Final = 500
#: Real ms that something may come later than a clock promised which is only steered, not set.
STEERED: Final = SECOND
#: Real ms that nothing waits for; stands for "not before the market's clock says so".
_NEVER: Final = 1_000 * DAY


class Now(NamedTuple):
    """One moment in market and in steady time (ms)."""

    market: int
    steady: int

    @classmethod
    def by(cls, clock: Clock) -> Now:
        return cls(clock.market_ms(), clock.steady_ms())


@dataclass(slots=True)
class DueTime:
    """The market time at which one kind of work is due next, and the steady time by which it is, though the market's clock was
    set back meanwhile. Before it is first set, it is due.
    """

    at: int = 0
    by: int = 0

    def has_come(self, now: Now) -> bool:
        return now.market >= self.at or now.steady >= self.by

    def set(self, at: int, now: Now, pacer: Pacer) -> None:
        """Not before market time `at`."""
        self.at = at
        self.by = now.steady + pacer.wait_ms(at - now.market, _NEVER) + STEERED


@dataclass(slots=True)
class Schedule:
    """One account's. All that is configured is in market ms."""

    pacer: Pacer
    cycle_ms: int
    timeframe_ms: int
    exclusion_ms: int
    """How long after a candle's close it may not be traded."""
    position_ms: int
    late_ms: int = field(default=0, init=False)
    """How late (real ms) the last cycle came."""
    _cycle: DueTime = field(default_factory=DueTime, init=False)
    _look: DueTime = field(default_factory=DueTime, init=False)
    _turn: int = field(default=0, init=False)
    _looks: int = field(default=0, init=False)
    _cycles: int = field(default=0, init=False)

    # -- what is due --------------------------------------------------------------------------------------------------
    def due(self, now: Now) -> list[Timer]:
        """What is to be done now, in this order. A cycle looks at the positions, too."""
        turns = now.steady >= self._turn
        if turns:
            self._turn = now.steady + TURN
        work = [Timer.SEARCH] if turns else []
        if self._cycle.has_come(now):
            self.late_ms = self.pacer.real_ms(max(now.market - self._cycle.at, 0)) if self._cycle.at else 0
            self._cycle.set(self._next_cycle(now.market), now, self.pacer)
            work.append(Timer.CYCLE)
        elif self._look.has_come(now):
            work.append(Timer.MONITOR)
        return [*work, Timer.POLL] if turns else work

    def owes(self, market: int) -> bool:
        """Whether work is due by a market time: what was just done can have brought a look forward."""
        return self._next() <= market

    def wait_ms(self, now: Now) -> int:
        """Real ms until something is due."""
        turn = max(self._turn - now.steady, 0)
        return self.pacer.wait_ms(self._next() - now.market, turn)

    def _next(self) -> int:
        return min(self._cycle.at, self._look.at)

    def _next_cycle(self, market: int) -> int:
        """The next point of the cycle's grid, or the moment when the next candle may be traded, whichever comes first."""
        open_at = market - self.exclusion_ms
        return min(_after(open_at, self.cycle_ms), _after(open_at, self.timeframe_ms)) + self.exclusion_ms

    # -- how it went --------------------------------------------------------------------------------------------------
    def look_now(self) -> None:
        """Something has happened to the positions."""
        self._look = DueTime()

    def looked(self, now: Now, *, finished: bool, urgent: bool) -> None:
        """A look is over, `finished` when it left nothing to do; `urgent` while coins lie without a stop."""
        again = NAKED_AGAIN if urgent else LOOKS_AGAIN
        self._looks = 0 if finished else again.after(self._looks)
        self._look.set(_after(now.market, self.position_ms), now, self.pacer)
        self._bring_forward(self._look, self._looks, now)

    def answered(self) -> None:
        """The exchange answered all that a cycle asked."""
        self._cycles = 0

    def unanswered(self, now: Now) -> None:
        """It did not: the cycle is tried again, before the next is due."""
        self._cycles = CYCLES_AGAIN.after(self._cycles)
        self._bring_forward(self._cycle, self._cycles, now)

    def put_off(self, now: Now, ms: int) -> None:
        """There was no room for a cycle; there is after so many real ms."""
        self._bring_forward(self._cycle, max(ms, PUT_OFF), now)

    def _bring_forward(self, due: DueTime, wait: int, now: Now) -> None:
        """Due after a real wait at the latest, if there is one; in lock-step that is the market's next step."""
        sooner = now.market + self.pacer.market_ms(wait)
        if wait and sooner < due.at:
            due.set(sooner, now, self.pacer)


def _after(now: int, step: int) -> int:
    """The next multiple of `step` after `now`."""
    return now - now % step + step
