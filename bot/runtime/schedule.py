"""When an account's work is due. Pure: given the time and the results of past work, it answers what to do now and next.

Cycles and checks of the positions are due at fixed points of the market clock. If that clock is set back or forward, none comes
later than it would have. Unfinished work is repeated sooner, after growing waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bot.domain.backoff import Backoff
from bot.domain.clock import DAY, MINUTE, SECOND, Clock
from bot.domain.events import Timer
from bot.domain.pacer import Pacer

#: Real ms between two checks of commands, the emergency file and orders in flight.
TURN: Final = 250
#: The waits after checks that left something to do (a stop in doubt, a sale refused), and while a position has no stop.
LOOKS_AGAIN: Final = Backoff(500, 2, 5 * MINUTE)
NAKED_AGAIN: Final = Backoff(500, 2, 2 * SECOND)
#: The waits after cycles that the exchange did not answer.
CYCLES_AGAIN: Final = Backoff(2 * SECOND, 2, 5 * MINUTE)
#: The shortest wait after a cycle that was postponed (real ms).
PUT_OFF: Final = 500
#: How much later than computed something may be due when the system clock is slewed rather than set (real ms).
STEERED: Final = SECOND
#: A wait that never ends in practice (real ms): only the market clock makes the work due.
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
    """When one kind of work is due next: at market time `at`, but no later than steady time `by`, even if the market clock is set
    back meanwhile. Due at once until it is first set.
    """

    at: int = 0
    by: int = 0

    def has_come(self, now: Now) -> bool:
        return now.market >= self.at or now.steady >= self.by

    def set(self, at: int, now: Now, pacer: Pacer) -> None:
        """Make it due at market time `at`."""
        self.at = at
        self.by = now.steady + pacer.wait_ms(at - now.market, _NEVER) + STEERED


@dataclass(slots=True)
class Schedule:
    """The schedule of one account. All its parameters are in market ms."""

    pacer: Pacer
    cycle_ms: int
    timeframe_ms: int
    exclusion_ms: int
    """How long after its close a candle may not be traded."""
    position_ms: int
    late_ms: int = field(default=0, init=False)
    """How late the last cycle was (real ms)."""
    _cycle: DueTime = field(default_factory=DueTime, init=False)
    _look: DueTime = field(default_factory=DueTime, init=False)
    _turn: int = field(default=0, init=False)
    _looks: int = field(default=0, init=False)
    _cycles: int = field(default=0, init=False)

    # -- what is due --------------------------------------------------------------------------------------------------
    def due(self, now: Now) -> list[Timer]:
        """The work to do now, in this order. A cycle also checks the positions."""
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
        """Whether work is due by a market time; what was just done may have brought a check forward."""
        return self._next() <= market

    def wait_ms(self, now: Now) -> int:
        """Real ms until something is due."""
        turn = max(self._turn - now.steady, 0)
        return self.pacer.wait_ms(self._next() - now.market, turn)

    def _next(self) -> int:
        return min(self._cycle.at, self._look.at)

    def _next_cycle(self, market: int) -> int:
        """The next fixed point of the cycle, or the moment when the next candle may be traded, whichever comes first."""
        open_at = market - self.exclusion_ms
        return min(_after(open_at, self.cycle_ms), _after(open_at, self.timeframe_ms)) + self.exclusion_ms

    # -- how it went --------------------------------------------------------------------------------------------------
    def look_now(self) -> None:
        """Check the positions now: something has happened to them."""
        self._look = DueTime()

    def looked(self, now: Now, *, finished: bool, urgent: bool) -> None:
        """A check has ended: `finished` if it left nothing to do, `urgent` while a position has no stop."""
        again = NAKED_AGAIN if urgent else LOOKS_AGAIN
        self._looks = 0 if finished else again.after(self._looks)
        self._look.set(_after(now.market, self.position_ms), now, self.pacer)
        self._bring_forward(self._look, self._looks, now)

    def answered(self) -> None:
        """The exchange answered everything in a cycle."""
        self._cycles = 0

    def unanswered(self, now: Now) -> None:
        """It did not: the cycle is repeated before the next one is due."""
        self._cycles = CYCLES_AGAIN.after(self._cycles)
        self._bring_forward(self._cycle, self._cycles, now)

    def put_off(self, now: Now, ms: int) -> None:
        """The rate limit had no room for a cycle; it has after `ms` (real)."""
        self._bring_forward(self._cycle, max(ms, PUT_OFF), now)

    def _bring_forward(self, due: DueTime, wait: int, now: Now) -> None:
        """Make work due after a real wait at the latest, unless the wait is 0; in lock-step, that is the market's next step."""
        sooner = now.market + self.pacer.market_ms(wait)
        if wait and sooner < due.at:
            due.set(sooner, now, self.pacer)


def _after(now: int, step: int) -> int:
    """The next multiple of `step` after `now`."""
    return now - now % step + step
